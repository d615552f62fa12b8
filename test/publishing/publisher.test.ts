/**
 * Checks the publisher without waits and sockets: the label and the deletion cost of a Pod, and Events.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MissingRule } from '../../src/core/request-failure.ts';
import { EVENT_LIFETIME_MS, EVENT_QUEUE_LIMIT } from '../../src/publishing/lease-events.ts';
import { PASSING_FAILURE_MS } from '../../src/publishing/outlet.ts';
import { FIRST_RECHECK_MS, RECHECK_INTERVAL_MS } from '../../src/publishing/pod-marks.ts';
import { CLOSING_LIMIT_MS, wantsPublishing } from '../../src/publishing/publisher.ts';
import { failureOf, promisesSettled } from '../driver/scripted-ports.ts';
import { type Call, COST, LABEL, OTHER, ScriptedPublisher, SELF } from './scripted-publisher.ts';

const METADATA = { leaderLabel: LABEL, podDeletionCost: 100 } as const;
const LEADS = ['true', '100'] as const;
const FOLLOWS = [undefined, undefined] as const;
const OTHER_LEADS = { ...OTHER, acquireTimeMs: null, renewalObservedAtMs: null };
const ALL = { ...METADATA, events: true } as const;

/** Whether the promise has resolved. */
async function hasResolved(promise: Promise<void>): Promise<boolean> {
  let resolved = false;
  void promise.then(() => {
    resolved = true;
  });
  await promisesSettled();
  return resolved;
}

function patches({ calls }: ScriptedPublisher): number {
  return calls.filter((call) => call.startsWith('patch')).length;
}

describe('the label and the cost of a Pod', () => {
  interface Row {
    readonly rule: string;
    readonly wishes?: object;
    readonly play: (scripted: ScriptedPublisher) => void | Promise<void>;
    readonly marks: readonly [string | undefined, string | undefined];
    readonly calls: readonly Call[];
  }

  const ROWS: readonly Row[] = [
    {
      rule: 'a leader writes both to its Pod in one PATCH',
      play: (scripted) => scripted.elected(),
      marks: LEADS,
      calls: ['read web-0', 'patch web-0'],
    },
    {
      rule: 'a leader writes only the label when only that option is set',
      wishes: { leaderLabel: LABEL },
      play: (scripted) => scripted.elected(),
      marks: ['true', undefined],
      calls: ['read web-0', 'patch web-0'],
    },
    {
      rule: 'a leader writes only the cost when only that option is set',
      wishes: { podDeletionCost: 100 },
      play: (scripted) => scripted.elected(),
      marks: [undefined, '100'],
      calls: ['read web-0', 'patch web-0'],
    },
    {
      rule: 'a demoted leader removes both',
      play: async (scripted) => {
        await scripted.elected();
        await scripted.demoted();
      },
      marks: FOLLOWS,
      calls: ['read web-0', 'patch web-0', 'read web-0', 'patch web-0'],
    },
    {
      rule: 'a restarted container writes nothing when its Pod has both',
      play: (scripted) => {
        scripted.add(SELF.name, SELF.uid, { [LABEL]: 'true' }, { [COST]: '100' });
        return scripted.elected({ resumed: true });
      },
      marks: LEADS,
      calls: ['read web-0'],
    },
    {
      rule: 'a leader does not write to a later Pod of the same name',
      play: (scripted) => {
        scripted.add(SELF.name, 'pod-0-again');
        return scripted.elected();
      },
      marks: FOLLOWS,
      calls: ['read web-0'],
    },
    {
      rule: 'a leader writes nothing when its Pod is gone',
      play: async (scripted) => {
        await scripted.elected();
        scripted.pods.delete(SELF.name);
        await scripted.demoted('pod-deleted');
      },
      marks: FOLLOWS,
      calls: ['read web-0', 'patch web-0', 'read web-0'],
    },
    {
      rule: 'a demoted leader writes nothing when its term ended before the first write',
      play: async (scripted) => {
        scripted.publisher.elected({ fencingToken: '7', leaseUid: 'lease-1', acquireTimeMs: 0, resumed: false });
        await scripted.demoted();
      },
      marks: FOLLOWS,
      calls: ['read web-0'],
    },
    {
      rule: 'a leader writes the cost but not the label when the label has another value',
      play: (scripted) => {
        scripted.add(SELF.name, SELF.uid, { [LABEL]: 'gold' });
        return scripted.elected();
      },
      marks: ['gold', '100'],
      calls: ['read web-0', 'patch web-0'],
    },
    {
      rule: 'a demoted leader does not remove values that another writer has set since',
      play: async (scripted) => {
        await scripted.elected();
        scripted.add(SELF.name, SELF.uid, { [LABEL]: 'gold' }, { [COST]: '7' });
        await scripted.demoted();
      },
      marks: ['gold', '7'],
      calls: ['read web-0', 'patch web-0', 'read web-0'],
    },
    {
      rule: 'a candidate removes both when an earlier process of its Pod left them',
      play: async (scripted) => {
        scripted.add(SELF.name, SELF.uid, { [LABEL]: 'true' }, { [COST]: '100' });
        scripted.publisher.followed();
        await promisesSettled();
      },
      marks: FOLLOWS,
      calls: ['read web-0', 'patch web-0'],
    },
    {
      rule: 'a candidate reads its Pod once for any number of other leaders',
      play: async (scripted) => {
        scripted.publisher.followed();
        await promisesSettled();
        scripted.publisher.followed();
        await scripted.run(300);
      },
      marks: FOLLOWS,
      calls: ['read web-0'],
    },
  ];

  for (const { rule, wishes = METADATA, play, marks, calls } of ROWS) {
    test(rule, async () => {
      const scripted = new ScriptedPublisher(wishes);
      await play(scripted);
      assert.deepEqual(scripted.labelAndCost(), marks);
      assert.deepEqual(scripted.calls, calls);
      assert.deepEqual(scripted.warnings, []);
    });
  }

  test('the publisher writes only the last state when several states were set during a request', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    scripted.holds = true;
    await scripted.elected();
    for (let term = 0; term < 5; term += 1) {
      await scripted.demoted();
      await scripted.elected();
    }
    await scripted.demoted();
    await scripted.release();
    assert.deepEqual(scripted.labelAndCost(), FOLLOWS);
    assert.equal(patches(scripted), 0);
  });

  test('the publisher sends another PATCH when the term ends during a PATCH', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    await scripted.elected();
    await scripted.demoted();
    scripted.holds = true;
    await scripted.elected();
    // The read is answered, and the PATCH is in flight when the term ends.
    const releasing = scripted.release();
    scripted.holds = true;
    await releasing;
    assert.equal(scripted.calls.at(-1), 'patch web-0');
    await scripted.demoted();
    await scripted.release();
    assert.deepEqual(scripted.labelAndCost(), FOLLOWS);
  });

  test('the publisher reads the Pod again when it has changed between the read and the PATCH', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    let isFirst = true;
    scripted.failing = (call) => {
      if (!call.startsWith('patch') || !isFirst) return null;
      isFirst = false;
      return 'conflict';
    };
    await scripted.elected();
    await scripted.run(1);
    assert.deepEqual(scripted.labelAndCost(), LEADS);
    assert.deepEqual(scripted.calls, ['read web-0', 'patch web-0', 'read web-0', 'patch web-0']);
  });

  test('a leader restores its label within a minute when a user has removed it', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    await scripted.elected();
    await scripted.run(FIRST_RECHECK_MS / 1_000);
    assert.equal(scripted.calls.filter((call) => call === 'read web-0').length, 2);
    scripted.add(SELF.name, SELF.uid);
    await scripted.run(RECHECK_INTERVAL_MS / 1_000);
    assert.deepEqual(scripted.labelAndCost(), LEADS);
    const { length } = scripted.calls;
    await scripted.run(600);
    assert.ok(scripted.calls.length - length <= 10, `${scripted.calls.length - length} requests in ten minutes`);
  });
});

test('the publisher reports its Pod as gone only when a consistent read does not find it', async () => {
  const scripted = new ScriptedPublisher(METADATA);
  scripted.publisher.leaderChanged(OTHER_LEADS);
  scripted.pods.delete(OTHER.name);
  await scripted.elected();
  assert.equal(scripted.ownPodGone, 0);
  scripted.failing = () => 'notFound';
  await scripted.run(60);
  assert.equal(scripted.ownPodGone, 0, 'this 404 proves nothing');
  scripted.failing = () => null;
  scripted.add(SELF.name, 'pod-0-again');
  await scripted.run(120);
  assert.ok(scripted.ownPodGone > 0);
});

describe('the label and the cost of the previous leader', () => {
  /** The other Pod led, and could not remove its label and cost. */
  function leftBehind(): ScriptedPublisher {
    const scripted = new ScriptedPublisher(METADATA);
    scripted.add(OTHER.name, OTHER.uid, { [LABEL]: 'true' }, { [COST]: '100' });
    scripted.publisher.leaderChanged(OTHER_LEADS);
    scripted.publisher.leaderChanged(null);
    return scripted;
  }

  test('the successor first labels its own Pod, and then removes the label and the cost of the previous leader', async () => {
    const scripted = leftBehind();
    await scripted.elected();
    assert.deepEqual([scripted.labelAndCost(), scripted.labelAndCost(OTHER.name)], [LEADS, FOLLOWS]);
    assert.deepEqual(scripted.calls, ['read web-0', 'patch web-0', 'read web-1', 'patch web-1']);
  });

  test('the successor sends only one read when the previous leader is gone', async () => {
    const scripted = leftBehind();
    scripted.pods.delete(OTHER.name);
    await scripted.elected();
    await scripted.run(3);
    assert.deepEqual(scripted.calls, ['read web-0', 'patch web-0', 'read web-1']);
  });

  test('a later Pod of the same name keeps its label', async () => {
    const scripted = leftBehind();
    scripted.add(OTHER.name, 'pod-1-again', { [LABEL]: 'true' });
    await scripted.elected();
    assert.deepEqual(scripted.labelAndCost(OTHER.name), ['true', undefined]);
  });

  test('a demoted successor leaves the label and the cost to the next leader', async () => {
    const scripted = leftBehind();
    scripted.failing = (call) => (call.endsWith(OTHER.name) ? 'unavailable' : null);
    await scripted.elected();
    await scripted.demoted();
    scripted.failing = () => null;
    await scripted.run(120);
    assert.deepEqual([scripted.labelAndCost(), scripted.labelAndCost(OTHER.name)], [FOLLOWS, LEADS]);
  });

  test('the successor reads no other Pod when no Pod owned the Lease', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    scripted.publisher.leaderChanged({ ...OTHER_LEADS, uid: null });
    await scripted.elected();
    assert.ok(!scripted.calls.some((call) => call.endsWith(OTHER.name)));
  });
});

describe('Events', () => {
  test('each term has two Events about its Lease, in order', async () => {
    const scripted = new ScriptedPublisher({ events: true });
    await scripted.elected();
    await scripted.demoted('stepped-down');
    assert.deepEqual(
      scripted.events.map(({ type, reason, message, leaseUid, reporter }) => [
        type,
        reason,
        message,
        leaseUid,
        reporter,
      ]),
      [
        ['Normal', 'LeaderElection', 'web-0 became leader', 'lease-1', 'web-0'],
        ['Normal', 'LeaderElection', 'web-0 stopped leading: stepped-down', 'lease-1', 'web-0'],
      ],
    );
    assert.deepEqual(
      scripted.calls.filter((call) => !call.startsWith('event')),
      [],
      'no Pod is read',
    );
  });

  test('the Event of a resumed term names the restart', async () => {
    const scripted = new ScriptedPublisher({ events: true });
    await scripted.elected({ resumed: true });
    assert.equal(scripted.events[0]?.message, 'web-0 became leader again: its container was restarted');
  });

  for (const [reason, type] of [
    ['stopped', 'Normal'],
    ['stepped-down', 'Normal'],
    ['usurped', 'Warning'],
    ['pod-deleted', 'Warning'],
    ['unauthorized', 'Warning'],
    ['invariant', 'Warning'],
  ] as const) {
    test(`the Event has the type ${type} when the term ends as ${reason}`, async () => {
      const scripted = new ScriptedPublisher({ events: true });
      await scripted.elected();
      await scripted.demoted(reason);
      assert.deepEqual(
        [scripted.events[1]?.type, scripted.events[1]?.message],
        [type, `web-0 stopped leading: ${reason}`],
      );
    });
  }

  test('an Event is not written twice when its answer was lost', async () => {
    const scripted = new ScriptedPublisher({ events: true });
    await scripted.elected();
    const [written] = scripted.events;
    assert.ok(written);
    const again = new ScriptedPublisher({ events: true });
    // The first attempt is executed, and its answer is lost.
    let isFirst = true;
    again.failing = () => {
      if (!isFirst) return null;
      isFirst = false;
      again.events.push(written);
      return 'unavailable';
    };
    await again.elected();
    await again.run(5);
    assert.equal(again.calls.length, 2);
    assert.equal(again.events.length, 1, 'both attempts have the same name');
  });

  test('the names of Events are unique and valid, and begin with the name of the Lease', async () => {
    // The clock does not advance, and the random numbers are the same.
    const scripted = new ScriptedPublisher({ events: true });
    for (let term = 0; term < 3; term += 1) {
      await scripted.elected();
      await scripted.demoted();
    }
    assert.equal(new Set(scripted.events.map(({ name }) => name)).size, 6);
    for (const { name } of scripted.events) assert.match(name, /^web\.[0-9a-f]{1,16}$/);
  });

  test('the queue drops its oldest Event when it is full', async () => {
    const scripted = new ScriptedPublisher({ events: true });
    scripted.failing = () => 'unavailable';
    for (let term = 0; term < EVENT_QUEUE_LIMIT; term += 1) {
      await scripted.elected({ leaseUid: `lease-${term}` });
      await scripted.demoted();
    }
    scripted.failing = () => null;
    await scripted.run(120);
    assert.equal(scripted.events.length, EVENT_QUEUE_LIMIT);
    assert.equal(scripted.events[0]?.leaseUid, `lease-${EVENT_QUEUE_LIMIT / 2}`);
  });

  test('an Event is dropped when it is older than an hour', async () => {
    const scripted = new ScriptedPublisher({ events: true });
    scripted.failing = () => 'unavailable';
    await scripted.elected();
    await scripted.run(EVENT_LIFETIME_MS / 1_000 + 1);
    scripted.failing = () => null;
    await scripted.run(120);
    assert.deepEqual(scripted.events, []);
  });
});

describe('failures', () => {
  const FORBIDDEN = {
    ...failureOf('forbidden'),
    message: 'patch pods "web-0" was answered 403. Grant `patch` on pods',
  };

  test('the publisher warns once, after 5 s, with the rule and the effect, when a request is refused', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    scripted.failing = (call) => (call.startsWith('patch') ? FORBIDDEN : null);
    await scripted.elected();
    await scripted.run(4);
    assert.deepEqual(scripted.warnings, []);
    await scripted.run(600);
    assert.deepEqual(scripted.warnings, ['pod-patch-failing']);
    assert.equal(
      scripted.messages[0],
      'patch pods "web-0" was answered 403. Grant `patch` on pods. Until then the Service that selects ' +
        "app.example.com/leader does not lead to the leader's Pod, and a scale-down does not spare the leader's Pod. The " +
        'election continues.',
    );
    assert.ok(patches(scripted) < 25, `${patches(scripted)} requests in ten minutes`);
  });

  test('the publisher does not warn when a refusal ends within 5 s', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    scripted.failing = () => 'forbidden';
    await scripted.elected();
    await scripted.run(3);
    scripted.failing = () => null;
    await scripted.run(10);
    assert.deepEqual([scripted.labelAndCost(), scripted.warnings], [LEADS, []]);
  });

  test('the publisher reports the end of a refusal after the next write, and warns of a new refusal again', async () => {
    const scripted = new ScriptedPublisher({ events: true });
    scripted.failing = () => 'forbidden';
    await scripted.elected();
    await scripted.run(30);
    scripted.failing = () => null;
    await scripted.run(120);
    assert.deepEqual(scripted.warnings, ['event-create-failing', 'refusal-over']);
    assert.equal(scripted.messages[1], '`create` on events is accepted again.');
    scripted.failing = () => 'forbidden';
    await scripted.demoted();
    await scripted.run(30);
    assert.deepEqual(scripted.warnings, ['event-create-failing', 'refusal-over', 'event-create-failing']);
  });

  test('a refusal is not over when there is nothing to write', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    scripted.failing = (call) => (call.startsWith('patch') ? 'forbidden' : null);
    await scripted.elected();
    await scripted.run(30);
    // The label was never written, so the demoted leader has nothing to remove.
    await scripted.demoted();
    await scripted.elected();
    await scripted.run(30);
    assert.deepEqual(scripted.warnings, ['pod-patch-failing']);
  });

  test('the publisher warns of a temporary failure after a minute', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    scripted.failing = () => 'unavailable';
    await scripted.elected();
    await scripted.run(PASSING_FAILURE_MS / 1_000 - 1);
    assert.deepEqual(scripted.warnings, []);
    await scripted.run(60);
    assert.deepEqual(scripted.warnings, ['pod-patch-failing']);
  });

  for (const [what, begin] of [
    ['an outage that the election reports', { isOutageReported: true, kind: 'unavailable' }],
    ['a token that is refused', { isOutageReported: false, kind: 'unauthorized' }],
  ] as const) {
    test(`the publisher does not warn again of ${what}`, async () => {
      const scripted = new ScriptedPublisher(ALL);
      scripted.isOutageReported = begin.isOutageReported;
      scripted.failing = () => begin.kind;
      await scripted.elected();
      await scripted.run(600);
      assert.deepEqual(scripted.warnings, []);
      scripted.failing = () => null;
      await scripted.run(61);
      assert.deepEqual([scripted.labelAndCost(), scripted.events.length], [LEADS, 1]);
    });
  }

  test('the publisher warns and names the option when the label has another meaning', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    scripted.add(SELF.name, SELF.uid, { [LABEL]: 'gold' });
    await scripted.elected();
    await scripted.run(10);
    assert.deepEqual(scripted.warnings, ['pod-patch-failing']);
    assert.match(
      scripted.messages[0] ?? '',
      /^Pod "web-0" has the label .* with the value "gold" already\. Give the option/,
    );
  });

  test('the pauses between attempts grow to a minute', async () => {
    const scripted = new ScriptedPublisher(METADATA, () => 0.999);
    const attempts: number[] = [];
    scripted.failing = () => {
      attempts.push(Math.round(scripted.clock.nowMs() / 1_000));
      return 'unavailable';
    };
    await scripted.elected();
    await scripted.run(600);
    const pauses = attempts.map((second, index) => second - (attempts[index - 1] ?? second)).slice(1);
    assert.deepEqual(
      pauses.toSorted((left, right) => left - right),
      pauses,
    );
    assert.equal(pauses.at(-1), 60);
    assert.ok(attempts.length < 20, `${attempts.length} attempts`);
  });

  test('the publisher waits as long as the server requests', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    scripted.failing = () => ({ ...failureOf('throttled'), retryAfterMs: 30_000 });
    await scripted.elected();
    await scripted.run(29);
    assert.equal(scripted.calls.length, 1);
    await scripted.run(2);
    assert.equal(scripted.calls.length, 2);
  });

  test('a failure of one kind of request does not delay the other', async () => {
    const scripted = new ScriptedPublisher(ALL);
    scripted.failing = (call) => (call.startsWith('event') ? 'forbidden' : null);
    await scripted.elected();
    assert.deepEqual(scripted.labelAndCost(), LEADS);
    await scripted.demoted();
    assert.deepEqual(scripted.labelAndCost(), FOLLOWS);
  });

  test('the publisher sends one request at a time', async () => {
    const scripted = new ScriptedPublisher(ALL);
    scripted.publisher.leaderChanged(OTHER_LEADS);
    await scripted.elected();
    await scripted.demoted();
    await scripted.elected();
    await scripted.run(120);
    assert.equal(scripted.mostAtOnce, 1);
    assert.ok(scripted.calls.length > 6);
  });
});

describe('the end of a publisher', () => {
  test('the publisher writes the pending state and then nothing more when it ends', async () => {
    const scripted = new ScriptedPublisher(ALL);
    await scripted.elected();
    scripted.publisher.demoted('stopped');
    const closed = scripted.publisher.close();
    assert.equal(await hasResolved(closed), true);
    assert.deepEqual([scripted.labelAndCost(), scripted.events.length], [FOLLOWS, 2]);
    const { length } = scripted.calls;
    scripted.publisher.elected({ fencingToken: '9', leaseUid: 'lease-2', acquireTimeMs: 0, resumed: false });
    await scripted.run(600);
    assert.equal(scripted.calls.length, length);
  });

  test('a write is not repeated when it is under way at the end', async () => {
    const scripted = new ScriptedPublisher(ALL);
    await scripted.elected();
    scripted.holds = true;
    await scripted.demoted('stopped');
    const closed = scripted.publisher.close();
    await scripted.release();
    assert.equal(await hasResolved(closed), true);
    const calls = ['read web-0', 'patch web-0'];
    assert.deepEqual(
      scripted.calls.filter((call) => !call.startsWith('event')),
      [...calls, ...calls],
    );
    assert.equal(scripted.events.length, 2);
  });

  test('the label and the cost are removed when the term ends at the same moment', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    await scripted.elected();
    const closed = scripted.publisher.close();
    scripted.publisher.demoted('invariant');
    assert.equal(await hasResolved(closed), true);
    assert.deepEqual(scripted.labelAndCost(), FOLLOWS);
  });

  test('the end waits for a request up to the limit, and a late answer has no effect', async () => {
    const scripted = new ScriptedPublisher(ALL);
    await scripted.elected();
    scripted.holds = true;
    await scripted.demoted('stopped');
    const closed = scripted.publisher.close();
    scripted.clock.advance(CLOSING_LIMIT_MS - 1);
    assert.equal(await hasResolved(closed), false);
    scripted.clock.advance(1);
    assert.equal(await hasResolved(closed), true);
    const { length } = scripted.calls;
    await scripted.release();
    await scripted.run(600);
    assert.equal(scripted.calls.length, length);
  });

  test('a failed attempt is not repeated at the end, so that stop() is not delayed', async () => {
    const scripted = new ScriptedPublisher(ALL);
    await scripted.elected();
    scripted.failing = () => 'unavailable';
    scripted.publisher.demoted('stopped');
    assert.equal(await hasResolved(scripted.publisher.close()), true);
    assert.deepEqual(scripted.labelAndCost(), LEADS);
  });

  test('the publisher makes another attempt at the end when the Pod has changed', async () => {
    const scripted = new ScriptedPublisher(METADATA);
    await scripted.elected();
    scripted.failing = (call) => (call.startsWith('patch') ? 'conflict' : null);
    scripted.publisher.demoted('stopped');
    const closed = scripted.publisher.close();
    await promisesSettled();
    scripted.failing = () => null;
    await scripted.run(1);
    assert.equal(await hasResolved(closed), true);
    assert.deepEqual(scripted.labelAndCost(), FOLLOWS);
  });

  test('a refused request is not repeated at the end', async () => {
    const scripted = new ScriptedPublisher({ events: true });
    scripted.failing = () => 'forbidden';
    await scripted.elected();
    await scripted.run(30);
    const { length } = scripted.calls;
    assert.equal(await hasResolved(scripted.publisher.close()), true);
    assert.equal(scripted.calls.length, length);
  });
});

test('the publisher is not needed when none of the three options is set', () => {
  const nothing = { leaderLabel: null, podDeletionCost: null, events: false };
  assert.equal(wantsPublishing(nothing), false);
  assert.equal(wantsPublishing({ ...nothing, leaderLabel: LABEL }), true);
  assert.equal(wantsPublishing({ ...nothing, podDeletionCost: 1 }), true);
  assert.equal(wantsPublishing({ ...nothing, events: true }), true);
});

describe('the missing permissions', () => {
  const rule = (verb: string, resource: string): MissingRule => ({ verb, apiGroup: '', resource, namespace: 'shop' });

  test('missingRules() lists a rule until the request is accepted, and lists no other failure', async () => {
    const scripted = new ScriptedPublisher(ALL);
    scripted.failing = (call) => {
      if (call.startsWith('read')) return null;
      const missingRule = call.startsWith('patch') ? rule('patch', 'pods') : rule('create', 'events');
      return { ...failureOf('forbidden'), missingRule };
    };
    assert.deepEqual(scripted.publisher.missingRules(), []);
    await scripted.elected();
    assert.deepEqual(scripted.publisher.missingRules(), [rule('patch', 'pods'), rule('create', 'events')]);
    scripted.failing = (call) => (call.startsWith('event') ? 'unavailable' : null);
    await scripted.run(120);
    assert.deepEqual(scripted.publisher.missingRules(), []);
  });
});
