/**
 * The Grafana dashboard: each query reads existing metrics, and "who led when" shows the leaders.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PROMTOOL_MISSING } from '../metrics/promtool.ts';
import { Recording } from './recording.ts';
import { replay } from './replay.ts';

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

const DASHBOARD = JSON.parse(
  readFileSync(new URL('../../deploy/dashboard.json', import.meta.url), 'utf8'),
) as Dashboard;

const SERIES = readFileSync(new URL('../metrics/series.txt', import.meta.url), 'utf8');

/** The values of Grafana's variables when all are selected. */
const filledIn = (expression: string): string => expression.replace(/"\$(namespace|lease)"/g, '".*"');

test('each query reads only existing metrics', () => {
  for (const { title, targets } of DASHBOARD.panels) {
    for (const { expr } of targets) {
      const names = [...expr.matchAll(/\b(?:lease_elector|leader_election)_\w+/g)].map(([name]) => name);
      assert.ok(names.length > 0, title);
      for (const name of names) assert.ok(SERIES.includes(`\n${name}{`), `${title}: ${name}`);
    }
  }
});

test('"who led when" shows each leader during its term, and no other Pod', { skip: PROMTOOL_MISSING }, async () => {
  const recording = await Recording.started();
  const first = recording.holder.name;
  const firstAtSeconds = recording.nowSeconds;
  recording.cluster.deletePod(recording.holder);
  await recording.run(120);
  const second = recording.holder.name;
  assert.notEqual(first, second);
  const expression = filledIn(DASHBOARD.panels[0]?.targets[0]?.expr ?? '');
  const shows = (pod: string, atSeconds: number) => ({
    expression,
    atSeconds,
    samples: [{ labels: `{namespace="shop", name="app", pod="${pod}"}`, value: 1 }],
  });
  assert.equal(replay(recording, [shows(first, firstAtSeconds - 15), shows(second, recording.nowSeconds - 15)]), '');
});

test('promtool parses each query', { skip: PROMTOOL_MISSING }, async () => {
  const recording = await Recording.started();
  const expressions = DASHBOARD.panels.flatMap(({ targets }) => targets.map(({ expr }) => filledIn(expr)));
  // promtool prints nothing for a valid query, and an error for an invalid one.
  const answer = replay(
    recording,
    expressions.map((expression) => ({
      expression: `(${expression}) unless on () vector(1)`,
      atSeconds: 0,
      samples: [],
    })),
  );
  assert.equal(answer, '');
});
