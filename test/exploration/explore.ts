/**
 * `npm run explore`: visits every order of requests, answers, events, timers and disturbances within a scope, and
 * prints what it covered. Exits with 1 when a rule is broken (with a short counterexample) or the exploration is not
 * complete, and with 2 when the arguments are invalid.
 */

import { parseArgs } from 'node:util';
import { systemClock } from '../../src/runtime/clock.ts';
import { explore, type Finding, type Progress } from './exploration.ts';
import { PRODUCTION } from './mutants.ts';
import { narrate } from './narration.ts';
import { DEFAULT_RUNS, type Run, SCOPE_NAMES, type ScopeName, scopeOf, WHOLE_RUNS } from './scopes.ts';

const USAGE = `npm run explore -- [--scope NAME] [--candidates 2|3] [--faults 0..3] [--in-order] [--whole]
                [--limit STATES] [--json]
  --scope       one of ${SCOPE_NAMES.join(', ')}
  --candidates  the number of candidate Pods (default with --scope: 2)
  --faults      the most disturbances in one run (default with --scope: 2)
  --in-order    each process receives everything in the order in which the server sent it, and a lag is a disturbance
  --whole       also three candidates with three faults: half an hour in all, in 5 GB
  --limit       stop after this many states, and report that
  --json        one line of JSON a run
Without the other options it runs all scopes that finish within a quarter of an hour on one core, in 3 GB.`;

interface Arguments {
  readonly runs: readonly Run[];
  readonly limit: number;
  readonly json: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      scope: { type: 'string' },
      candidates: { type: 'string' },
      faults: { type: 'string' },
      'in-order': { type: 'boolean', default: false },
      whole: { type: 'boolean', default: false },
      limit: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : countOf('limit', values.limit, 1, 1e9);
  const { scope, candidates, faults, json, whole, 'in-order': inOrder } = values;
  if (scope === undefined && candidates === undefined && faults === undefined && !inOrder)
    return { runs: whole ? WHOLE_RUNS : DEFAULT_RUNS, limit, json };
  const names = scope === undefined ? SCOPE_NAMES : SCOPE_NAMES.filter((name) => name === scope);
  if (names.length === 0) throw new Error(`there is no scope ${scope}`);
  const run = {
    candidates: countOf('candidates', candidates ?? '2', 2, 3),
    disturbances: countOf('faults', faults ?? '2', 0, 3),
    inOrder,
  };
  return { runs: names.map((name: ScopeName) => ({ name, ...run })), limit, json };
}

function countOf(option: string, text: string, least: number, most: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= least && count <= most) return count;
  throw new Error(`--${option} must be a whole number from ${least} to ${most}, not ${text}`);
}

function showProgress(began: number): ((progress: Progress) => void) | undefined {
  if (!process.stderr.isTTY) return undefined;
  return ({ states, waiting, depth }) => {
    const seconds = (systemClock.nowMs() - began) / 1000;
    const rate = Math.round(states / seconds);
    process.stderr.write(`\r\x1b[K  ${states} states, ${waiting} waiting, depth ${depth}, ${rate} states/s`);
  };
}

function formatFinding(run: Run, finding: Finding, seconds: number): string {
  const { states, transitions, depth, decided, orderings, complete } = finding;
  const ways = orderings === null ? 'not counted' : orderings < 1e15 ? String(orderings) : orderings.toExponential(3);
  return [
    `${run.name}, ${run.candidates} candidates, up to ${run.disturbances} disturbances${run.inOrder === true ? ', in order' : ''}: ${complete ? 'complete' : 'NOT COMPLETE'}`,
    `  ${states} states, ${transitions} transitions, ${decided} decided states, longest shortest way ${depth} moves`,
    `  orderings (different ways from the start to a decided state): ${ways}`,
    `  ${seconds.toFixed(1)} s`,
  ].join('\n');
}

/** Runs one exploration. Returns whether it is complete and breaks no rule. */
function runOne(run: Run, limit: number, json: boolean): boolean {
  const scope = scopeOf(run);
  const began = systemClock.nowMs();
  const onProgress = showProgress(began);
  const finding = explore({ core: PRODUCTION, scope, limit, ...(onProgress === undefined ? {} : { onProgress }) });
  if (onProgress !== undefined) process.stderr.write('\r\x1b[K');
  const seconds = (systemClock.nowMs() - began) / 1000;
  const { counterexample } = finding;
  const story = counterexample === null ? [] : narrate(PRODUCTION, scope, counterexample);
  if (json) {
    const { violation = null } = counterexample ?? {};
    const disturbed = scope.rules.disturbances;
    console.log(
      JSON.stringify({ ...run, disturbed, ...finding, counterexample: undefined, violation, story, seconds }),
    );
  } else {
    console.log(formatFinding(run, finding, seconds));
    console.log(`  ${scope.description} Disturbances: ${scope.rules.disturbances.join(', ')}.\n`);
    if (story.length > 0) console.log(['  The shortest way to break a rule:', ...story].join('\n  '));
  }
  return counterexample === null && finding.complete;
}

try {
  const { runs, limit, json } = readArguments();
  if (!json) {
    console.log(
      'In every run, requests, answers, events, steps of the garbage collector and timers happen in every order and with ' +
        'any lag. A lag is not a disturbance. With "in order", a process receives everything in the order in which it ' +
        'was sent, and a lag is a disturbance. Requests of one process keep their order. ' +
        'Situations that differ only in names, or in state that no rule reads, count once.\n',
    );
  }
  process.exitCode = runs.every((run) => runOne(run, limit, json)) ? 0 : 1;
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
