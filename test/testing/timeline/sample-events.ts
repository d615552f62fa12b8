/**
 * A short election with everything that a timeline can show, and arbitrary events for the properties.
 */

import fc from 'fast-check';
import type { TimelineEvent, TimelineEventContent, TimelinePod } from '../../../src/testing/index.ts';

const A: TimelinePod = { name: 'web-a', uid: 'uid-a' };
const B: TimelinePod = { name: 'web-b', uid: 'uid-b' };

function write(leaseUid: string, owner: TimelinePod, revision: bigint, released = false): TimelineEventContent {
  return { type: 'leaseWritten', leaseUid, owner, holder: owner.name, released, revision };
}

/**
 * web-a leads, crashes, resumes, hangs, is force-deleted and becomes a ghost. Then web-b leads, during an outage as
 * well, and stops.
 */
export const STORY: readonly TimelineEvent[] = (
  [
    [0, { type: 'stepBegan', title: 'A leader' }],
    [0, { type: 'podCreated', pod: A }],
    [0, { type: 'processStarted', pod: A, process: 'web-a#1' }],
    [100, { type: 'podCreated', pod: B }],
    [100, { type: 'processStarted', pod: B, process: 'web-b#1' }],
    [500, write('lease-1', A, 10n)],
    [520, { type: 'elected', pod: A, process: 'web-a#1', token: 10n, resumed: false }],
    [1_000, write('lease-1', A, 11n)],
    [1_500, { type: 'processEnded', pod: A, process: 'web-a#1', how: 'SIGKILL', crashed: true }],
    [2_500, { type: 'processStarted', pod: A, process: 'web-a#2' }],
    [2_600, write('lease-1', A, 12n)],
    [2_610, { type: 'elected', pod: A, process: 'web-a#2', token: 12n, resumed: true }],
    [3_000, { type: 'processHung', pod: A, process: 'web-a#2' }],
    [3_600, { type: 'noted', pod: B, process: 'web-b#1', text: 'reports web-a as stale', tone: 'trouble' }],
    [4_000, { type: 'processResumed', pod: A, process: 'web-a#2' }],
    [4_200, { type: 'leaseDeleted', leaseUid: 'lease-1', by: 'somebody' }],
    [4_250, write('lease-2', A, 14n)],
    [5_000, { type: 'stepBegan', title: 'A ghost and its successor' }],
    [5_000, { type: 'processCutOff', pod: A, process: 'web-a#2' }],
    [5_100, { type: 'podGone', pod: A, forced: true }],
    [5_110, { type: 'leaseDeleted', leaseUid: 'lease-2', by: 'the collector' }],
    [5_150, write('lease-3', B, 17n)],
    [5_160, { type: 'elected', pod: B, process: 'web-b#1', token: 17n, resumed: false }],
    [6_000, { type: 'processReconnected', pod: A, process: 'web-a#2' }],
    [6_050, { type: 'demoted', pod: A, process: 'web-a#2', reason: 'pod-deleted', draining: true }],
    [6_500, { type: 'workEnded', pod: A, process: 'web-a#2' }],
    [6_600, { type: 'processEnded', pod: A, process: 'web-a#2', how: '', crashed: false }],
    [7_000, { type: 'outageBegan', what: 'goes down' }],
    [7_800, { type: 'outageEnded' }],
    [8_000, { type: 'podTerminating', pod: B }],
    [8_100, { type: 'demoted', pod: B, process: 'web-b#1', reason: 'stopped', draining: true }],
    [8_300, { type: 'workEnded', pod: B, process: 'web-b#1' }],
    [8_310, write('lease-3', B, 20n, true)],
    [8_320, { type: 'leaseDeleted', leaseUid: 'lease-3' }],
    [8_400, { type: 'processEnded', pod: B, process: 'web-b#1', how: 'exit code 0', crashed: false }],
    [8_900, { type: 'podGone', pod: B, forced: false }],
  ] as readonly (readonly [number, TimelineEventContent])[]
).map(([atMs, content]) => ({ ...content, atMs }));

/** Names that could break the page, and ordinary names. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    'web-a',
    'web-b',
    '',
    '</script><script>alert(1)</script>',
    `"'><img src=x onerror=alert(1)>`,
    '&lt;',
    ']]>',
  ),
  fc.string({ unit: 'binary', maxLength: 30 }),
);

/** Events that contradict each other. Some fields are missing. */
export function anyEvents(text: fc.Arbitrary<string> = anyText): fc.Arbitrary<readonly TimelineEvent[]> {
  const pod = fc.record({ name: text, uid: fc.constantFrom('uid-a', 'uid-b', 'uid-c') });
  const process = fc.option(fc.constantFrom('one', 'two'), { nil: undefined });
  const lease = fc.option(fc.constantFrom('app', 'job'), { nil: undefined });
  const leaseUid = fc.constantFrom('lease-1', 'lease-2', 'lease-3');
  const type = <Name extends string>(...names: Name[]): fc.Arbitrary<Name> => fc.constantFrom(...names);
  const token = fc.bigInt({ min: 0n, max: 10n ** 30n });
  const flag = fc.boolean();
  const content: fc.Arbitrary<TimelineEventContent> = fc.oneof(
    fc.record({ type: type('stepBegan'), title: text }),
    fc.record({ type: type('podCreated', 'podTerminating'), pod }),
    fc.record({ type: type('podFinished'), pod, phase: text }),
    fc.record({ type: type('podGone'), pod, forced: flag }),
    fc.record({
      type: type('processStarted', 'processHung', 'processResumed', 'processCutOff', 'processReconnected'),
      pod,
      process,
    }),
    fc.record({ type: type('processEnded'), pod, process, how: text, crashed: flag }),
    fc.record({ type: type('elected'), pod, process, lease, token, resumed: flag }),
    fc.record({ type: type('demoted'), pod, process, lease, reason: text, draining: flag }),
    fc.record({ type: type('workEnded'), pod, process, lease }),
    fc.record({
      type: type('leaseWritten'),
      lease,
      leaseUid,
      owner: fc.option(pod),
      holder: fc.option(text),
      released: flag,
      revision: token,
      by: fc.option(text, { nil: undefined }),
    }),
    fc.record({ type: type('leaseDeleted'), lease, leaseUid, by: fc.option(text, { nil: undefined }) }),
    fc.record({ type: type('outageBegan'), what: text }),
    fc.record({ type: type('outageEnded') }),
    fc.record({
      type: type('noted'),
      text,
      tone: type('note', 'trouble', 'violation'),
      pod: fc.option(pod, { nil: undefined }),
      process,
    }),
  );
  const atMs = fc.oneof(fc.nat(20), fc.double({ min: 0, max: 1e9, noNaN: true }));
  return fc.array(
    fc.tuple(content, atMs).map(([one, at]): TimelineEvent => ({ ...one, atMs: at })),
    { maxLength: 60 },
  );
}
