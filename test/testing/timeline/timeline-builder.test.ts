/**
 * The shape of a timeline: the bars for given events, and the properties for any events.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { TimelineEvent, TimelineEventContent } from '../../../src/testing/index.ts';
import { buildTimeline, LANE_LIMIT, MARK_LIMIT } from '../../../src/testing/timeline/timeline-builder.ts';
import type { Span, Timeline } from '../../../src/testing/timeline/timeline-model.ts';
import { anyEvents, STORY } from './sample-events.ts';

const story = buildTimeline(STORY);

/** The bars of a Pod in one line each. */
function barsOf({ pods }: Timeline, name: string): readonly string[] {
  const lane = pods.find(({ pod }) => pod.name === name);
  return (lane?.bars ?? []).map(({ kind, fromMs, toMs, token, track }) =>
    `${fromMs}-${toMs} ${kind} ${token ?? ''} ${track === 0 ? '' : `track ${track}`}`.trim().replace(/ +/g, ' '),
  );
}

function timelineOf(...contents: readonly (readonly [number, TimelineEventContent])[]): Timeline {
  return buildTimeline(contents.map(([atMs, content]): TimelineEvent => ({ ...content, atMs })));
}

const POD = { name: 'web-0', uid: 'uid-0' };
const OTHER = { name: 'web-1', uid: 'uid-1' };
const held = (leaseUid: string, owner: typeof POD | null, revision: bigint, lease?: string): TimelineEventContent => ({
  type: 'leaseWritten',
  lease,
  leaseUid,
  owner,
  holder: owner?.name ?? 'a-stranger',
  released: false,
  revision,
});

describe('the bars of a Pod', () => {
  test('show a crash, in which the Pod keeps its term, and the leadership and the drain of a ghost', () => {
    assert.deepEqual(barsOf(story, 'web-a'), [
      '520-1500 leads 10',
      '1500-2610 keeps',
      '2610-5100 leads 12',
      '5100-6050 ghost 12',
      '6050-6500 drains 12',
    ]);
  });

  test('end when the work of an ended term ends', () => {
    assert.deepEqual(barsOf(story, 'web-b'), ['5160-8100 leads 17', '8100-8300 drains 17']);
  });

  test('show the time in which the leader hangs', () => {
    const bars = story.pods[0]?.bars ?? [];
    assert.deepEqual(
      bars.map(({ hangs }) => hangs),
      [[], [], [{ fromMs: 3_000, toMs: 4_000 }], [], []],
    );
  });

  test('come from the Lease when no process reports its terms', () => {
    const timeline = timelineOf(
      [0, held('lease-1', POD, 5n)],
      [10, held('lease-1', POD, 6n)],
      [20, { type: 'leaseDeleted', leaseUid: 'lease-1' }],
      [25, held('lease-2', POD, 8n)],
      [40, { type: 'podGone', pod: POD, forced: false }],
      [45, { type: 'leaseDeleted', leaseUid: 'lease-2' }],
      [50, held('lease-3', OTHER, 11n)],
      [60, { type: 'outageEnded' }],
    );
    assert.deepEqual(barsOf(timeline, 'web-0'), ['0-40 holds 5']);
    assert.deepEqual(barsOf(timeline, 'web-1'), ['50-60 holds 11']);
  });

  test('have no token when the beginning of the term was not seen', () => {
    const timeline = timelineOf(
      [0, { ...held('lease-1', POD, 5n), found: true } as TimelineEventContent],
      [10, { ...held('lease-1', POD, 5n), released: true } as TimelineEventContent],
      [20, held('lease-2', OTHER, 8n)],
      [30, { type: 'outageEnded' }],
    );
    assert.deepEqual(barsOf(timeline, 'web-0'), ['0-10 holds']);
    assert.deepEqual(barsOf(timeline, 'web-1'), ['20-30 holds 8']);
    assert.deepEqual(
      timeline.marks.map(({ glyph, what }) => [glyph, what]),
      [
        ['note', 'is found: owned by web-0 (revision 5)'],
        ['leaseReleased', 'is released'],
        ['leaseCreated', 'is created, owned by web-1 (revision 8)'],
      ],
    );
  });

  test('last until another Lease is found when the deletion of the Lease was not seen', () => {
    const timeline = timelineOf(
      [0, { type: 'stepBegan', title: 'all' }],
      [5, held('lease-1', POD, 5n)],
      [20, { ...held('lease-2', OTHER, 8n), found: true } as TimelineEventContent],
      [30, { type: 'stepBegan', title: 'end' }],
    );
    assert.deepEqual(barsOf(timeline, 'web-0'), ['5-20 holds 5']);
    assert.deepEqual(barsOf(timeline, 'web-1'), ['20-30 holds']);
  });

  test('lie on two tracks when two processes of a Pod lead at the same time', () => {
    const elected = (process: string, token: bigint): TimelineEventContent => ({
      type: 'elected',
      pod: POD,
      process,
      token,
      resumed: false,
    });
    const timeline = timelineOf(
      [0, elected('one', 1n)],
      [10, elected('two', 2n)],
      [20, { type: 'demoted', pod: POD, process: 'one', reason: 'usurped' }],
      [30, elected('three', 3n)],
      [40, { type: 'podGone', pod: POD, forced: false }],
    );
    assert.deepEqual(barsOf(timeline, 'web-0'), ['0-20 leads 1', '10-40 leads 2 track 1', '30-40 leads 3']);
  });

  test('begin with the timeline when the election was not recorded', () => {
    const timeline = timelineOf(
      [0, { type: 'stepBegan', title: 'later' }],
      [30, { type: 'demoted', pod: POD, reason: 'stopped' }],
    );
    assert.deepEqual(barsOf(timeline, 'web-0'), ['0-30 leads']);
  });
});

describe('the lane of a Lease', () => {
  test('has a bar for each Lease object, in the color of its owner, with its renewals and its release', () => {
    const bars = story.leases[0]?.bars ?? [];
    assert.deepEqual(
      bars.map(({ fromMs, toMs, owner, hue, renewalsMs, releasedAtMs }) => [
        fromMs,
        toMs,
        owner?.name,
        hue,
        renewalsMs,
        releasedAtMs,
      ]),
      [
        [500, 4_200, 'web-a', 0, [1_000, 2_600], null],
        [4_250, 5_110, 'web-a', 0, [], null],
        [5_150, 8_320, 'web-b', 1, [], 8_310],
      ],
    );
  });

  test('distinguishes a Lease that its holder restored from a Lease that another Pod created', () => {
    const glyphs = story.marks.filter(({ place }) => place.lane === 'lease').map(({ glyph }) => glyph);
    assert.deepEqual(glyphs, [
      'leaseCreated',
      'leaseDeleted',
      'leaseRestored',
      'leaseDeleted',
      'leaseCreated',
      'leaseReleased',
      'leaseDeleted',
    ]);
  });

  test('has a new bar when the Lease is given to another Pod, or names another holder without an owner', () => {
    const stranger = { ...held('lease-1', null, 3n), holder: 'another' } as TimelineEventContent;
    const timeline = timelineOf(
      [0, held('lease-1', POD, 1n)],
      [10, held('lease-1', null, 2n)],
      [20, stranger],
      [30, held('lease-1', OTHER, 4n)],
      [40, { type: 'outageEnded' }],
    );
    const bars = timeline.leases[0]?.bars ?? [];
    assert.deepEqual(
      bars.map(({ fromMs, toMs, owner, holder }) => [fromMs, toMs, owner?.name ?? null, holder]),
      [
        [0, 10, 'web-0', 'web-0'],
        [10, 20, null, 'a-stranger'],
        [20, 30, null, 'another'],
        [30, 40, 'web-1', 'web-1'],
      ],
    );
  });

  test('exists once for each Lease', () => {
    const timeline = timelineOf([0, held('lease-1', POD, 1n, 'app')], [1, held('lease-2', POD, 2n, 'job')]);
    assert.deepEqual(
      timeline.leases.map(({ lease }) => lease),
      ['app', 'job'],
    );
  });
});

test('a process is a ghost from the end of its Pod on, and a hang hides that it is cut off', () => {
  const lane = story.pods.find(({ pod }) => pod.name === 'web-a');
  assert.deepEqual(
    lane?.stretches.map(({ kind, fromMs, toMs }) => `${fromMs}-${toMs} ${kind}`),
    ['0-1500 runs', '2500-3000 runs', '3000-4000 hangs', '4000-5000 runs', '5000-6000 cutOff', '6000-6600 ghost'],
  );
});

test('an event that changes nothing is not shown', () => {
  const timeline = timelineOf(
    [0, { type: 'outageEnded' }],
    [1, { type: 'outageBegan', what: 'goes down' }],
    [2, { type: 'outageBegan', what: 'goes down again' }],
    [3, { type: 'podGone', pod: POD, forced: true }],
    [4, { type: 'podGone', pod: POD, forced: true }],
    [5, { type: 'processResumed', pod: OTHER }],
  );
  assert.deepEqual(
    timeline.marks.map(({ atMs }) => atMs),
    [1, 3],
  );
});

describe('a page with too many events', () => {
  test('shows the latest marks, and the number of the others', () => {
    const events = Array.from(
      { length: MARK_LIMIT + 3 },
      (_, atMs): TimelineEvent => ({ atMs, type: 'noted', text: 'note', tone: 'note' }),
    );
    const timeline = buildTimeline(events);
    assert.equal(timeline.marks.length, MARK_LIMIT);
    assert.equal(timeline.marks[0]?.atMs, 3);
    assert.deepEqual(timeline.omissions, ['At the beginning, 3 marks are left out: a page shows the latest 2,000.']);
  });

  test('first leaves out Pods that never led, and shows their number', () => {
    const events = Array.from({ length: LANE_LIMIT + 2 }, (_, index): TimelineEvent[] => {
      const pod = { name: `web-${index}`, uid: `uid-${index}` };
      const last: TimelineEvent[] =
        index === LANE_LIMIT + 1 ? [{ atMs: index, type: 'elected', pod, token: 1n, resumed: false }] : [];
      return [{ atMs: index, type: 'podCreated', pod }, ...last];
    }).flat();
    const timeline = buildTimeline(events);
    assert.equal(timeline.pods.length, LANE_LIMIT);
    assert.equal(timeline.pods.at(-1)?.pod.name, `web-${LANE_LIMIT + 1}`);
    assert.deepEqual(timeline.omissions, [
      'Of the Pods, 2 lanes are left out: a page shows 60, and first those that led.',
    ]);
  });

  test('shows the number of events that the recorder has lost', () => {
    assert.deepEqual(buildTimeline([], { eventsLost: 1 }).omissions, [
      'At the beginning, one event is left out: the recorder keeps only the latest.',
    ]);
  });

  test('leaves out nothing of a short story', () => assert.deepEqual(story.omissions, []));
});

describe('any events', () => {
  const check = (holds: (timeline: Timeline) => void): void =>
    fc.assert(fc.property(anyEvents(), (events) => holds(buildTimeline(events))));
  const within = ({ fromMs, toMs }: Span, outer: Span): void =>
    assert.ok(outer.fromMs <= fromMs && fromMs <= toMs && toMs <= outer.toMs, JSON.stringify([fromMs, toMs]));
  const apart = (spans: readonly Span[]): void => {
    const sorted = spans.toSorted((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs);
    for (const [index, span] of sorted.slice(1).entries()) {
      assert.ok(
        (sorted[index]?.toMs ?? 0) <= span.fromMs,
        JSON.stringify([sorted[index], span], (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
      );
    }
  };

  test('give bars that never overlap on one track, and stretches that never overlap in one row', () => {
    check(({ pods, leases }) => {
      for (const { bars, stretches } of pods) {
        for (const track of Map.groupBy(bars, (bar) => bar.track).values()) apart(track);
        for (const row of Map.groupBy(stretches, (stretch) => stretch.row).values()) apart(row);
      }
      for (const { bars } of leases) apart(bars);
    });
  });

  test('give nothing outside of the time of the timeline', () => {
    check((timeline) => {
      const { pods, leases, outages, steps, marks } = timeline;
      const spans: Span[] = [...outages, ...steps, ...leases.flatMap(({ bars }) => bars)];
      for (const { bars, stretches, exists, terminating } of pods) {
        spans.push(...bars, ...stretches, exists, ...(terminating === null ? [] : [terminating]));
        for (const bar of bars) for (const hang of bar.hangs) within(hang, bar);
      }
      for (const span of spans) within(span, timeline);
      for (const { atMs, toMs } of marks) within({ fromMs: atMs, toMs }, timeline);
    });
  });

  test('give marks that are sorted by time, even if the events are not', () => {
    check(({ marks }) => {
      const times = marks.map(({ atMs }) => atMs);
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
    });
  });
});
