/**
 * `npm run explore`: visits every order of requests, answers, events, timers and disturbances of a scope, and prints
 * the numbers of states and orders. Exits with 1 when a rule is broken (and prints a shortest counterexample) or when
 * an exploration is not complete, and with 2 when the arguments are invalid.
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
  --faults      the maximum number of disturbances in one sequence of moves (default with --scope: 2)
  --in-order    each process receives everything in the order in which the server sent it, and a lag is a disturbance
  --whole       also explore three candidates with three disturbances (in total half an hour, 5 GB)
  --limit       stop a run after this many states, and report it as not complete
  --json        print one line of JSON for each run
Without --scope, --candidates, --faults and --in-order, all scopes are explored, in a quarter of an hour on one core
with 3 GB.`;

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
  const count = orderings === null ? 'not counted' : orderings < 1e15 ? String(orderings) : orderings.toExponential(3);
  const faults = run.disturbances === 1 ? '1 disturbance' : `${run.disturbances} disturbances`;
  return [
    `${run.name}, ${run.candidates} candidates, at most ${faults}${run.inOrder === true ? ', in order' : ''}: ${complete ? 'complete' : 'NOT COMPLETE'}`,
    `  ${states} states, ${transitions} transitions. No state is more than ${depth} moves away from the start.`,
    `  decided states (nothing is under way): ${decided}`,
    `  orderings (sequences of moves from the start to a decided state): ${count}`,
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
    if (story.length > 0) console.log(['  A shortest sequence of moves that breaks a rule:', ...story].join('\n  '));
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
        'States that differ only in names, or in data that no rule reads, are counted once.\n',
    );
  }
  process.exitCode = runs.every((run) => runOne(run, limit, json)) ? 0 : 1;
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
