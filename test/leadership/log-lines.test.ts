/**
 * Each line of the option `logger`, with its level, its words and its fields.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseElectorError } from '../../src/errors.ts';
import type { Leader, LogFields, Logger, Term } from '../../src/index.ts';
import { ApplicationLog } from '../../src/leadership/application-log.ts';

type Line = readonly [level: string, message: string, fields: LogFields];

/** A log whose lines are collected. It belongs to a Lease, or to none yet. */
function logging(hasSubject = true): { readonly lines: Line[]; readonly log: ApplicationLog } {
  const lines: Line[] = [];
  const methods = ['debug', 'info', 'warn', 'error'].map((level) => [
    level,
    (line: LogFields & { message: string }) => {
      const { message, ...fields } = line;
      lines.push([level, message, fields]);
    },
  ]);
  const log = new ApplicationLog(Object.fromEntries(methods) as Logger);
  if (hasSubject) log.about({ pod: { name: 'web-0' }, namespace: 'shop', lease: 'web' });
  return { lines, log };
}

const LEADER: Leader = { name: 'web-1', uid: 'pod-1', since: new Date(0), renewTimeAgeMs: 31_400.4 };
const TERM = { fencingToken: 11n, resumed: false, leaseUid: 'lease-1' } as Term;
const PLACE = { lease: 'web', namespace: 'shop', pod: 'web-0' };
const OF_TERM = { fencingToken: '11', leaseUid: 'lease-1' };
const warning = (code: 'twin' | 'refusal-over' | 'api-reachable' | 'writes-accepted' | 'clock-skew-over') => ({
  code,
  message: 'words',
});

const ROWS: Readonly<Record<string, readonly [write: (log: ApplicationLog) => void, line: Line]>> = {
  elected: [
    (log) => log.elected(TERM),
    ['info', 'This process leads Lease shop/web.', { event: 'elected', ...OF_TERM, resumed: false }],
  ],
  'elected again': [
    (log) => log.elected({ ...TERM, resumed: true } as Term),
    [
      'info',
      'This process leads Lease shop/web again, after a restart of its container.',
      { event: 'elected', ...OF_TERM, resumed: true },
    ],
  ],
  'demoted by stop()': [
    (log) => log.demoted(TERM, 'stopped'),
    [
      'info',
      'This process no longer leads Lease shop/web: stopped.',
      { event: 'demoted', reason: 'stopped', ...OF_TERM },
    ],
  ],
  'demoted by stepDown()': [
    (log) => log.demoted(TERM, 'stepped-down'),
    [
      'info',
      'This process no longer leads Lease shop/web: stepped-down.',
      { event: 'demoted', reason: 'stepped-down', ...OF_TERM },
    ],
  ],
  'demoted because its Pod is gone': [
    (log) => log.demoted(TERM, 'pod-deleted'),
    [
      'warn',
      'This process no longer leads Lease shop/web: pod-deleted.',
      { event: 'demoted', reason: 'pod-deleted', ...OF_TERM },
    ],
  ],
  'a new leader': [
    (log) => log.leaderChanged(LEADER),
    ['info', 'web-1 leads Lease shop/web.', { event: 'leaderChanged', leader: 'web-1', leaderUid: 'pod-1' }],
  ],
  'no leader': [
    (log) => log.leaderChanged(null),
    ['info', 'Nobody leads Lease shop/web.', { event: 'leaderChanged', leader: null, leaderUid: null }],
  ],
  'a renewal': [
    (log) => log.renewed(LEADER),
    ['debug', 'web-1 renewed Lease shop/web.', { event: 'renewed', leader: 'web-1' }],
  ],
  'a leader that is stale': [
    (log) => log.stale(LEADER),
    [
      'warn',
      'web-1 leads Lease shop/web, but has stopped renewing it.',
      { event: 'stale', leader: 'web-1', silentForMs: 31_400 },
    ],
  ],
  'a leader that is stale for an unknown time': [
    (log) => log.stale({ ...LEADER, renewTimeAgeMs: null }),
    [
      'warn',
      'web-1 leads Lease shop/web, but has stopped renewing it.',
      { event: 'stale', leader: 'web-1', silentForMs: null },
    ],
  ],
  'a leader that renews again': [
    (log) => log.recovered(LEADER),
    ['info', 'web-1 renews Lease shop/web again.', { event: 'recovered', leader: 'web-1' }],
  ],
  'work without progress': [
    (log) => log.stalled({ cause: 'progress', forMs: 5_600.4 }),
    [
      'warn',
      'The work of this process, which leads Lease shop/web, has made no progress for 6 s.',
      { event: 'stalled', cause: 'progress', forMs: 5_600 },
    ],
  ],
  'a suspended process': [
    (log) => log.stalled({ cause: 'event-loop', forMs: 7_000 }),
    ['warn', 'This process was suspended for 7 s.', { event: 'stalled', cause: 'event-loop', forMs: 7_000 }],
  ],
  'a warning': [(log) => log.warning(warning('twin')), ['warn', 'words', { event: 'warning', code: 'twin' }]],
  'an elector that has stopped': [(log) => log.stopped(), ['info', 'The elector has stopped.', { event: 'stopped' }]],
};

for (const [what, [write, [level, message, fields]]] of Object.entries(ROWS)) {
  test(`the line for ${what}`, () => {
    const { lines, log } = logging();
    write(log);
    assert.deepEqual(lines, [[level, message, { ...fields, ...PLACE }]]);
  });
}

for (const code of ['refusal-over', 'api-reachable', 'writes-accepted', 'clock-skew-over'] as const) {
  test(`the end of a problem (${code}) is no warning in a log`, () => {
    const { lines, log } = logging();
    log.warning(warning(code));
    assert.equal(lines[0]?.[0], 'info');
  });
}

test('a line before the Lease is known names no Lease, and has no fields of a place', () => {
  const { lines, log } = logging(false);
  log.leaderChanged(null);
  assert.deepEqual(lines, [
    ['info', 'Nobody leads the Lease.', { event: 'leaderChanged', leader: null, leaderUid: null }],
  ]);
});

test('an error is logged with its code and its stack, and with its cause only when there is one', () => {
  for (const cause of [undefined, new Error('no disk')]) {
    const { lines, log } = logging();
    log.error(new LeaseElectorError('ERR_LEASE_ELECTOR_INVARIANT', 'a defect', cause === undefined ? {} : { cause }));
    const [level, message, fields] = lines[0] ?? [];
    assert.deepEqual([level, message, fields?.['code']], ['error', 'a defect', 'ERR_LEASE_ELECTOR_INVARIANT']);
    assert.match(String(fields?.['stack']), /LeaseElectorError.*a defect/s);
    assert.equal(fields !== undefined && 'cause' in fields, cause !== undefined);
  }
});

test('an object with the property bindings is treated as pino only when it is a method', () => {
  const calls: unknown[][] = [];
  const logger = { info: (...args: unknown[]) => calls.push(args), bindings: {} } as unknown as Logger;
  new ApplicationLog(logger).stopped();
  assert.equal(calls[0]?.length, 1);
});
