/**
 * Replays a recording through the rules of deploy/alerts.yaml with `promtool test rules`.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promtool } from '../metrics/promtool.ts';
import { type Recording, SCRAPE_INTERVAL_MS } from './recording.ts';

const RULES = readFileSync(new URL('../../deploy/alerts.yaml', import.meta.url), 'utf8');

/** The groups of a PrometheusRule as a rule file: the text below `spec:`, without its indentation. */
export function ruleFile(): string {
  const groups = RULES.slice(RULES.indexOf('\nspec:\n') + '\nspec:\n'.length);
  return groups.replace(/^ {2}/gm, '');
}

/** The names of all alerts, in their order. */
export function alertNames(): string[] {
  return [...RULES.matchAll(/^ +- alert: (\w+)$/gm)].map(([, name = '']) => name);
}

/** The expected samples of an expression at a moment, each with its labels and its value. */
export interface Expectation {
  readonly expression: string;
  readonly atSeconds: number;
  readonly samples: readonly { readonly labels: string; readonly value: number }[];
}

/** Returns the output of promtool, or `''` when all expectations hold. */
export function replay(recording: Recording, expectations: readonly Expectation[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-alerts-'));
  const interval = `${SCRAPE_INTERVAL_MS / 1000}s`;
  try {
    writeFileSync(join(directory, 'rules.yaml'), ruleFile());
    // JSON is also YAML.
    const test = {
      rule_files: ['rules.yaml'],
      evaluation_interval: interval,
      tests: [
        {
          interval,
          input_series: recording.inputSeries(),
          promql_expr_test: expectations.map(({ expression, atSeconds, samples }) => ({
            expr: expression,
            eval_time: `${Math.floor(atSeconds)}s`,
            exp_samples: samples,
          })),
        },
      ],
    };
    writeFileSync(join(directory, 'test.json'), JSON.stringify(test));
    const { status, output } = promtool(['test', 'rules', join(directory, 'test.json')]);
    return status === 0 ? '' : `promtool ended with ${status}: ${output}`;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The alerts that fired at any time of a recording. @throws {Error} when promtool cannot read the files */
export function firedIn(recording: Recording): string[] {
  const expression = 'group by (alertname) (count_over_time(ALERTS{alertstate="firing"}[10d]))';
  const answer = replay(recording, [{ expression, atSeconds: recording.nowSeconds, samples: [] }]);
  if (answer !== '' && !answer.includes('got:')) throw new Error(answer);
  const got = answer.slice(answer.indexOf('got:'));
  return [...got.matchAll(/alertname="(\w+)"/g)].map(([, name = '']) => name).sort();
}
