/**
 * `npm run sim` on its command line. A seed has the same log in every environment.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { drawTimeline, type TimelineEvent } from '../../src/testing/index.ts';
import { BROKEN_ELECTORS } from './broken-electors.ts';
import { PLAIN } from './parameters.ts';
import { parseArguments } from './sim-arguments.ts';
import { simulate } from './simulation.ts';

const PROGRAM = fileURLToPath(new URL('sim.ts', import.meta.url));

function sim(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8', env: { ...process.env, ...env } });
}

async function logOf(seed: number): Promise<string> {
  const lines: string[] = [];
  await simulate({ seed, log: (line) => lines.push(line) });
  return lines.join('\n');
}

/** All simulations run at once, so that the test fails if they influence each other. */
const SEEDS: readonly number[] = Array.from({ length: 24 }, (_, index) => index + 1);
const logs: readonly string[] = await Promise.all(SEEDS.map(logOf));

test('two runs of one seed have the same log, and two seeds have different logs', async () => {
  for (const seed of SEEDS.slice(0, 8)) assert.equal(await logOf(seed), logs[seed - 1], `seed ${seed}`);
  assert.equal(new Set(logs).size, SEEDS.length);
});

/**
 * Events, answers, watch lines and other programs that must occur in at least one seed. A simulation without them does
 * not test them.
 */
const LOG_PATTERNS: readonly RegExp[] = [
  ...['elected', 'demoted', 'leaderChanged', 'renewed', 'stale', 'recovered', 'warning', 'error', 'stopped'].map(
    (event) => new RegExp(`: ${event}( \\(token|$)`, 'm'),
  ),
  ...['ok', 'there is none', 'unavailable', 'unauthorized', 'forbidden', 'conflict', 'alreadyExists', 'throttled'].map(
    (outcome) => new RegExp(`is answered: .* → ${outcome}`),
  ),
  ...['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'].map((type) => new RegExp(`receives: watch .* ${type} `)),
  /\/1#\d+ starts/,
  /sidecar-\d+.*: Lease ADDED/,
  /expiring-\d+.*: Lease MODIFIED/,
  /the collector: Lease DELETED/,
  /somebody: Lease (MODIFIED|DELETED)/,
];

for (const pattern of LOG_PATTERNS) {
  test(`at least one seed logs ${pattern.source}`, () => assert.ok(logs.some((log) => pattern.test(log))));
}

test('a seed has the same log in another process, another time zone and another language', async () => {
  const elsewhere = { TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' };
  for (const seed of [3, 4]) {
    const { stdout, stderr, status } = sim(['--seed', String(seed)], elsewhere);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    const log = await logOf(seed);
    assert.equal(stdout.slice(0, log.length), log, `seed ${seed}`);
    assert.match(
      stdout.slice(log.length),
      new RegExp(`^\\n\\nseed ${seed}: no invariant is broken: .* terms in .*\\n$`),
    );
  }
});

test('sim prints a table, writes JSON, and prints nothing to stderr when it runs many seeds without a terminal', () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'lease-elector-sim-'));
  try {
    const json = path.join(directory, 'figures.json');
    const { stdout, stderr, status } = sim(['--seeds', '5', '--from', '11', '--json', json]);
    assert.equal(stderr, '');
    assert.match(stdout, /^seeds 11 to 15\n\nseeds {13}5\n.*\nfailures {10}0\n$/s);
    assert.equal(status, 0);
    const figures = JSON.parse(readFileSync(json, 'utf8'));
    assert.equal(figures.from, 11);
    assert.equal(figures.seeds, 5);
    assert.deepEqual(figures.failures, []);
    assert.ok(figures.terms > 0 && figures.events > figures.requests);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('sim runs at least one seed on each core when --minutes is short', () => {
  const { stdout, status } = sim(['--minutes', '0.01', '--from', '21']);
  assert.match(stdout, /^seeds from 21 on, for 0.01 minutes\n\nseeds {13}[1-9]/);
  assert.equal(status, 0);
});

test('sim draws the first seed when --minutes has no --from', () => {
  const firsts = Array.from({ length: 3 }, () => {
    const task = parseArguments(['--minutes', '2']);
    assert.ok(task.type === 'many' && task.forMs === 120_000);
    return task.from;
  });
  assert.equal(new Set(firsts).size, 3);
});

test('a seed has the same log, and a page with each of its terms, when --timeline is given', () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'lease-elector-sim-'));
  try {
    const file = path.join(directory, 'seed.html');
    const { stdout, stderr, status } = sim(['--seed', '3', '--timeline', file]);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.equal(stdout.slice(0, logs[2]?.length), logs[2]);
    const page = readFileSync(file, 'utf8');
    assert.match(page, /<h1>Simulation of seed 3<\/h1>/);
    const tokens = [...stdout.matchAll(/: elected \(token (\d+)\)/g)].map(([, token]) => token);
    assert.ok(tokens.length > 0);
    for (const token of tokens) assert.match(page, new RegExp(`, fencing token ${token}"`));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('the timeline shows the violation at its top when a seed breaks an invariant', async () => {
  const [broken] = BROKEN_ELECTORS.filter(({ what }) => what.source === 'lead at the same time');
  assert.ok(broken !== undefined);
  const adjust = () => ({ ...PLAIN, ...broken.parameters });
  for (let seed = 1; ; seed += 1) {
    const events: TimelineEvent[] = [];
    const record = (event: TimelineEvent): void => void events.push(event);
    const { violation } = await simulate({ seed, makeElector: broken.make, adjust, record });
    if (violation === null) continue;
    const line = `<p class="bad-news">Invariant ${violation.invariant} is broken: ${violation.what}</p>`;
    assert.ok(drawTimeline(events).includes(line), line);
    return;
  }
});

const MISTAKES: readonly (readonly [args: string, message: RegExp])[] = [
  ['--seed x', /^--seed takes a whole number from 0 to 4294967295, not x$/],
  ['--seed=-1', /^--seed takes a whole number .* not -1$/],
  ['--seed 4294967296', /^--seed takes a whole number .* not 4294967296$/],
  ['--seeds 0', /^--seeds takes a whole number from 1 to .* not 0$/],
  ['--from 4294967295 --seeds 2', /^--seeds takes a whole number from 1 to 1, not 2$/],
  ['--minutes 0', /^--minutes takes a number above 0, not 0$/],
  ['--minutes soon', /^--minutes takes a number above 0, not soon$/],
  ['--seed 1 --seeds 2', /^--seed, --seeds and --minutes exclude each other$/],
  ['--seed 1 --from 2', /^--seed cannot be combined with --from or --json$/],
  ['--seeds 3 --timeline x.html', /^--timeline needs --seed$/],
  ['--seed 1 --timeline=', /^--timeline needs the name of a file$/],
  ['--sed 1', /^Unknown option '--sed'/],
  ['12', /^Unexpected argument '12'/],
];

for (const [args, message] of MISTAKES) {
  test(`sim reports the mistake when its arguments are ${args}`, () => {
    assert.throws(() => parseArguments(args.split(' ')), { message });
  });
}

test('sim prints its usage and exits with 2 when an argument is invalid', () => {
  const { stdout, stderr, status } = sim(['--seeds', 'many']);
  assert.match(stderr, /^--seeds takes a whole number .* not many\n\nUsage: npm run sim/);
  assert.equal(stdout, '');
  assert.equal(status, 2);
});
