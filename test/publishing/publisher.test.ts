/**
 * The rules of what is written into the cluster: a Pod's label and deletion cost, and Events. No waiting, no sockets.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MissingRule } from '../../src/core/request-failure.ts';
import { EVENT_LIFETIME_MS, EVENT_QUEUE_LIMIT } from '../../src/publishing/lease-events.ts';
import { PASSING_FAILURE_MS } from '../../src/publishing/outlet.ts';
import { FIRST_RECHECK_MS, RECHECK_INTERVAL_MS } from '../../src/publishing/pod-marks.ts';
import { CLOSING_LIMIT_MS, wantsPublishing } from '../../src/publishing/publisher.ts';
import { failureOf, promisesSettled } from '../driver/scripted-ports.ts';
import { type Call, COST, LABEL, OTHER, PublishingScene, SELF } from './publishing-scene.ts';

const MARKS = { leaderLabel: LABEL, podDeletionCost: 100 } as const;
const LEADS = ['true', '100'] as const;
const FOLLOWS = [undefined, undefined] as const;
const OTHER_LEADS = { ...OTHER, acquireTimeMs: null, renewalObservedAtMs: null };
const ALL = { ...MARKS, events: true } as const;

/** Whether the promise has resolved by now. */
async function hasResolved(promise: Promise<void>): Promise<boolean> {
  let resolved = false;
  void promise.then(() => {
    resolved = true;
  });
  await promisesSettled();
  return resolved;
}

function patches({ calls }: PublishingScene): number {
  return calls.filter((call) => call.startsWith('patch')).length;
}

describe('the marks of a Pod', () => {
  interface Row {
    readonly rule: string;
    readonly wishes?: object;
    readonly play: (scene: PublishingScene) => void | Promise<void>;
    readonly marks: readonly [string | undefined, string | undefined];
    readonly calls: readonly Call[];
  }

  const ROWS: readonly Row[] = [
    {
      rule: 'a leader puts both on its Pod, in one PATCH',
      play: (scene) => scene.elected(),
      marks: LEADS,
      calls: ['read web-0', 'patch web-0'],
    },
    {
      rule: 'only the label is wanted',
      wishes: { leaderLabel: LABEL },
      play: (scene) => scene.elected(),
      marks: ['true', undefined],
      calls: ['read web-0', 'patch web-0'],
    },
    {
      rule: 'only the cost is wanted',
      wishes: { podDeletionCost: 100 },
      play: (scene) => scene.elected(),
      marks: [undefined, '100'],
      calls: ['read web-0', 'patch web-0'],
    },
    {
      rule: 'a demoted leader takes both away',
      play: async (scene) => {
        await scene.elected();
        await scene.demoted();
      },
      marks: FOLLOWS,
      calls: ['read web-0', 'patch web-0', 'read web-0', 'patch web-0'],
    },
    {
      rule: 'a restarted container that resumes its term finds its marks, and writes nothing',
      play: (scene) => {
        scene.add(SELF.name, SELF.uid, { [LABEL]: 'true' }, { [COST]: '100' });
        return scene.elected({ resumed: true });
      },
      marks: LEADS,
      calls: ['read web-0'],
    },
    {
      rule: 'a later Pod of the same name is not marked',
      play: (scene) => {
        scene.add(SELF.name, 'pod-0-again');
        return scene.elected();
      },
      marks: FOLLOWS,
      calls: ['read web-0'],
    },
    {
      rule: 'a Pod that is gone needs no write',
      play: async (scene) => {
        await scene.elected();
        scene.pods.delete(SELF.name);
        await scene.demoted('pod-deleted');
      },
      marks: FOLLOWS,
      calls: ['read web-0', 'patch web-0', 'read web-0'],
    },
    {
      rule: 'a term that ends before anything was written leaves nothing behind',
      play: async (scene) => {
        scene.publisher.elected({ fencingToken: '7', leaseUid: 'lease-1', acquireTimeMs: 0, resumed: false });
        await scene.demoted();
      },
      marks: FOLLOWS,
      calls: ['read web-0'],
    },
    {
      rule: 'a label of another meaning is not overwritten, and the cost is written all the same',
      play: (scene) => {
        scene.add(SELF.name, SELF.uid, { [LABEL]: 'gold' });
        return scene.elected();
      },
      marks: ['gold', '100'],
      calls: ['read web-0', 'patch web-0'],
    },
    {
      rule: 'what another writer put there since is not taken away',
      play: async (scene) => {
        await scene.elected();
        scene.add(SELF.name, SELF.uid, { [LABEL]: 'gold' }, { [COST]: '7' });
        await scene.demoted();
      },
      marks: ['gold', '7'],
      calls: ['read web-0', 'patch web-0', 'read web-0'],
    },
    {
      rule: 'a candidate takes away what an earlier process of its Pod left behind',
      play: async (scene) => {
        scene.add(SELF.name, SELF.uid, { [LABEL]: 'true' }, { [COST]: '100' });
        scene.publisher.followed();
        await promisesSettled();
      },
      marks: FOLLOWS,
      calls: ['read web-0', 'patch web-0'],
    },
    {
      rule: 'a candidate looks at its Pod once, however often others lead',
      play: async (scene) => {
        scene.publisher.followed();
        await promisesSettled();
        scene.publisher.followed();
        await scene.run(300);
      },
      marks: FOLLOWS,
      calls: ['read web-0'],
    },
  ];

  for (const { rule, wishes = MARKS, play, marks, calls } of ROWS) {
    test(rule, async () => {
      const scene = new PublishingScene(wishes);
      await play(scene);
      assert.deepEqual(scene.marks(), marks);
      assert.deepEqual(scene.calls, calls);
      assert.deepEqual(scene.warnings, []);
    });
  }

  test('only the last wanted state is written, however many there were during a request', async () => {
    const scene = new PublishingScene(MARKS);
    scene.holds = true;
    await scene.elected();
    for (let term = 0; term < 5; term += 1) {
      await scene.demoted();
      await scene.elected();
    }
    await scene.demoted();
    await scene.release();
    assert.deepEqual(scene.marks(), FOLLOWS);
    assert.equal(patches(scene), 0);
  });

  test('a term that ends during the PATCH is followed by another PATCH', async () => {
    const scene = new PublishingScene(MARKS);
    await scene.elected();
    await scene.demoted();
    scene.holds = true;
    await scene.elected();
    // The read is answered, and the PATCH is under way when the term ends.
    const releasing = scene.release();
    scene.holds = true;
    await releasing;
    assert.equal(scene.calls.at(-1), 'patch web-0');
    await scene.demoted();
    await scene.release();
    assert.deepEqual(scene.marks(), FOLLOWS);
  });

  test('a Pod that changed between the read and the PATCH is read again', async () => {
    const scene = new PublishingScene(MARKS);
    let isFirst = true;
    scene.failing = (call) => {
      if (!call.startsWith('patch') || !isFirst) return null;
      isFirst = false;
      return 'conflict';
    };
    await scene.elected();
    await scene.run(1);
    assert.deepEqual(scene.marks(), LEADS);
    assert.deepEqual(scene.calls, ['read web-0', 'patch web-0', 'read web-0', 'patch web-0']);
  });

  test('a label that a person took away comes back, and a leader looks once a minute', async () => {
    const scene = new PublishingScene(MARKS);
    await scene.elected();
    await scene.run(FIRST_RECHECK_MS / 1_000);
    assert.equal(scene.calls.filter((call) => call === 'read web-0').length, 2);
    scene.add(SELF.name, SELF.uid);
    await scene.run(RECHECK_INTERVAL_MS / 1_000);
    assert.deepEqual(scene.marks(), LEADS);
    const { length } = scene.calls;
    await scene.run(600);
    assert.ok(scene.calls.length - length <= 10, `${scene.calls.length - length} requests in ten minutes`);
  });
});

test('a consistent read that does not find the Pod of this process is reported, and no other read is', async () => {
  const scene = new PublishingScene(MARKS);
  scene.publisher.leaderChanged(OTHER_LEADS);
  scene.pods.delete(OTHER.name);
  await scene.elected();
  assert.equal(scene.ownPodGone, 0);
  scene.failing = () => 'notFound';
  await scene.run(60);
  assert.equal(scene.ownPodGone, 0, 'a 404 that proves nothing');
  scene.failing = () => null;
  scene.add(SELF.name, 'pod-0-again');
  await scene.run(120);
  assert.ok(scene.ownPodGone > 0);
});

describe('the marks of the Pod that led before', () => {
  /** The other Pod led, and could not take its marks away. */
  function leftBehind(): PublishingScene {
    const scene = new PublishingScene(MARKS);
    scene.add(OTHER.name, OTHER.uid, { [LABEL]: 'true' }, { [COST]: '100' });
    scene.publisher.leaderChanged(OTHER_LEADS);
    scene.publisher.leaderChanged(null);
    return scene;
  }

  test('its successor takes them away, and marks its own Pod first', async () => {
    const scene = leftBehind();
    await scene.elected();
    assert.deepEqual([scene.marks(), scene.marks(OTHER.name)], [LEADS, FOLLOWS]);
    assert.deepEqual(scene.calls, ['read web-0', 'patch web-0', 'read web-1', 'patch web-1']);
  });

  test('a predecessor that is gone costs one read', async () => {
    const scene = leftBehind();
    scene.pods.delete(OTHER.name);
    await scene.elected();
    await scene.run(3);
    assert.deepEqual(scene.calls, ['read web-0', 'patch web-0', 'read web-1']);
  });

  test('a later Pod of its name keeps its label', async () => {
    const scene = leftBehind();
    scene.add(OTHER.name, 'pod-1-again', { [LABEL]: 'true' });
    await scene.elected();
    assert.deepEqual(scene.marks(OTHER.name), ['true', undefined]);
  });

  test('a demoted successor leaves them to the next leader', async () => {
    const scene = leftBehind();
    scene.failing = (call) => (call.endsWith(OTHER.name) ? 'unavailable' : null);
    await scene.elected();
    await scene.demoted();
    scene.failing = () => null;
    await scene.run(120);
    assert.deepEqual([scene.marks(), scene.marks(OTHER.name)], [FOLLOWS, LEADS]);
  });

  test('a leader of a Lease that no Pod owns has no Pod', async () => {
    const scene = new PublishingScene(MARKS);
    scene.publisher.leaderChanged({ ...OTHER_LEADS, uid: null });
    await scene.elected();
    assert.ok(!scene.calls.some((call) => call.endsWith(OTHER.name)));
  });
});

describe('Events', () => {
  test('each term has two, in their order, about its Lease', async () => {
    const scene = new PublishingScene({ events: true });
    await scene.elected();
    await scene.demoted('stepped-down');
    assert.deepEqual(
      scene.events.map(({ type, reason, message, leaseUid, reporter }) => [type, reason, message, leaseUid, reporter]),
      [
        ['Normal', 'LeaderElection', 'web-0 became leader', 'lease-1', 'web-0'],
        ['Normal', 'LeaderElection', 'web-0 stopped leading: stepped-down', 'lease-1', 'web-0'],
      ],
    );
    assert.deepEqual(
      scene.calls.filter((call) => !call.startsWith('event')),
      [],
      'no Pod is read',
    );
  });

  test('a resumed term says so', async () => {
    const scene = new PublishingScene({ events: true });
    await scene.elected({ resumed: true });
    assert.equal(scene.events[0]?.message, 'web-0 became leader again: its container was restarted');
  });

  for (const [reason, type] of [
    ['stopped', 'Normal'],
    ['stepped-down', 'Normal'],
    ['usurped', 'Warning'],
    ['pod-deleted', 'Warning'],
    ['unauthorized', 'Warning'],
    ['invariant', 'Warning'],
  ] as const) {
    test(`a term that ends as ${reason} is an Event of type ${type}`, async () => {
      const scene = new PublishingScene({ events: true });
      await scene.elected();
      await scene.demoted(reason);
      assert.deepEqual([scene.events[1]?.type, scene.events[1]?.message], [type, `web-0 stopped leading: ${reason}`]);
    });
  }

  test('an Event whose answer was lost is not written twice', async () => {
    const scene = new PublishingScene({ events: true });
    await scene.elected();
    const [written] = scene.events;
    assert.ok(written);
    const again = new PublishingScene({ events: true });
    // The first attempt is carried out, and its answer is lost.
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
    assert.equal(again.events.length, 1, 'both attempts have one name');
  });

  test('names of Events differ, are names that an API server accepts, and begin with that of the Lease', async () => {
    // The clock stands still, and chance draws the same.
    const scene = new PublishingScene({ events: true });
    for (let term = 0; term < 3; term += 1) {
      await scene.elected();
      await scene.demoted();
    }
    assert.equal(new Set(scene.events.map(({ name }) => name)).size, 6);
    for (const { name } of scene.events) assert.match(name, /^web\.[0-9a-f]{1,16}$/);
  });

  test('a queue that is full drops its oldest Event', async () => {
    const scene = new PublishingScene({ events: true });
    scene.failing = () => 'unavailable';
    for (let term = 0; term < EVENT_QUEUE_LIMIT; term += 1) {
      await scene.elected({ leaseUid: `lease-${term}` });
      await scene.demoted();
    }
    scene.failing = () => null;
    await scene.run(120);
    assert.equal(scene.events.length, EVENT_QUEUE_LIMIT);
    assert.equal(scene.events[0]?.leaseUid, `lease-${EVENT_QUEUE_LIMIT / 2}`);
  });

  test('an Event that is older than an hour is not written', async () => {
    const scene = new PublishingScene({ events: true });
    scene.failing = () => 'unavailable';
    await scene.elected();
    await scene.run(EVENT_LIFETIME_MS / 1_000 + 1);
    scene.failing = () => null;
    await scene.run(120);
    assert.deepEqual(scene.events, []);
  });
});

describe('failures', () => {
  const FORBIDDEN = {
    ...failureOf('forbidden'),
    message: 'patch pods "web-0" was answered 403. Grant `patch` on pods',
  };

  test('a refusal is warned of once, after 5 s, with the rule and what follows', async () => {
    const scene = new PublishingScene(MARKS);
    scene.failing = (call) => (call.startsWith('patch') ? FORBIDDEN : null);
    await scene.elected();
    await scene.run(4);
    assert.deepEqual(scene.warnings, []);
    await scene.run(600);
    assert.deepEqual(scene.warnings, ['pod-patch-failing']);
    assert.equal(
      scene.messages[0],
      'patch pods "web-0" was answered 403. Grant `patch` on pods. Until then the Service that selects ' +
        "app.example.com/leader does not lead to the leader's Pod, and a scale-down does not spare the leader's Pod. The " +
        'election continues.',
    );
    assert.ok(patches(scene) < 25, `${patches(scene)} requests in ten minutes`);
  });

  test('a refusal that passes before 5 s is no news', async () => {
    const scene = new PublishingScene(MARKS);
    scene.failing = () => 'forbidden';
    await scene.elected();
    await scene.run(3);
    scene.failing = () => null;
    await scene.run(10);
    assert.deepEqual([scene.marks(), scene.warnings], [LEADS, []]);
  });

  test('its end is reported once something was written, and a new refusal is warned of again', async () => {
    const scene = new PublishingScene({ events: true });
    scene.failing = () => 'forbidden';
    await scene.elected();
    await scene.run(30);
    scene.failing = () => null;
    await scene.run(120);
    assert.deepEqual(scene.warnings, ['event-create-failing', 'refusal-over']);
    assert.equal(scene.messages[1], '`create` on events is accepted again.');
    scene.failing = () => 'forbidden';
    await scene.demoted();
    await scene.run(30);
    assert.deepEqual(scene.warnings, ['event-create-failing', 'refusal-over', 'event-create-failing']);
  });

  test('a refusal does not count as over because nothing is left to write', async () => {
    const scene = new PublishingScene(MARKS);
    scene.failing = (call) => (call.startsWith('patch') ? 'forbidden' : null);
    await scene.elected();
    await scene.run(30);
    // The label was never written, so the demoted leader finds nothing to take away.
    await scene.demoted();
    await scene.elected();
    await scene.run(30);
    assert.deepEqual(scene.warnings, ['pod-patch-failing']);
  });

  test('a failure that may pass is warned of after a minute', async () => {
    const scene = new PublishingScene(MARKS);
    scene.failing = () => 'unavailable';
    await scene.elected();
    await scene.run(PASSING_FAILURE_MS / 1_000 - 1);
    assert.deepEqual(scene.warnings, []);
    await scene.run(60);
    assert.deepEqual(scene.warnings, ['pod-patch-failing']);
  });

  for (const [what, begin] of [
    ['an outage that the election reports', { isOutageReported: true, kind: 'unavailable' }],
    ['a token that is refused', { isOutageReported: false, kind: 'unauthorized' }],
  ] as const) {
    test(`${what} is not warned of a second time`, async () => {
      const scene = new PublishingScene(ALL);
      scene.isOutageReported = begin.isOutageReported;
      scene.failing = () => begin.kind;
      await scene.elected();
      await scene.run(600);
      assert.deepEqual(scene.warnings, []);
      scene.failing = () => null;
      await scene.run(61);
      assert.deepEqual([scene.marks(), scene.events.length], [LEADS, 1]);
    });
  }

  test('a label of another meaning is warned of, with the option to change', async () => {
    const scene = new PublishingScene(MARKS);
    scene.add(SELF.name, SELF.uid, { [LABEL]: 'gold' });
    await scene.elected();
    await scene.run(10);
    assert.deepEqual(scene.warnings, ['pod-patch-failing']);
    assert.match(
      scene.messages[0] ?? '',
      /^Pod "web-0" has the label .* with the value "gold" already\. Give the option/,
    );
  });

  test('the pauses between the tries grow to a minute', async () => {
    const scene = new PublishingScene(MARKS, () => 0.999);
    const tries: number[] = [];
    scene.failing = () => {
      tries.push(Math.round(scene.clock.nowMs() / 1_000));
      return 'unavailable';
    };
    await scene.elected();
    await scene.run(600);
    const pauses = tries.map((second, index) => second - (tries[index - 1] ?? second)).slice(1);
    assert.deepEqual(
      pauses.toSorted((left, right) => left - right),
      pauses,
    );
    assert.equal(pauses.at(-1), 60);
    assert.ok(tries.length < 20, `${tries.length} tries`);
  });

  test('a server that asks for a pause gets it', async () => {
    const scene = new PublishingScene(MARKS);
    scene.failing = () => ({ ...failureOf('throttled'), retryAfterMs: 30_000 });
    await scene.elected();
    await scene.run(29);
    assert.equal(scene.calls.length, 1);
    await scene.run(2);
    assert.equal(scene.calls.length, 2);
  });

  test('one kind of failure does not delay the other', async () => {
    const scene = new PublishingScene(ALL);
    scene.failing = (call) => (call.startsWith('event') ? 'forbidden' : null);
    await scene.elected();
    assert.deepEqual(scene.marks(), LEADS);
    await scene.demoted();
    assert.deepEqual(scene.marks(), FOLLOWS);
  });

  test('there is one request at a time', async () => {
    const scene = new PublishingScene(ALL);
    scene.publisher.leaderChanged(OTHER_LEADS);
    await scene.elected();
    await scene.demoted();
    await scene.elected();
    await scene.run(120);
    assert.equal(scene.mostAtOnce, 1);
    assert.ok(scene.calls.length > 6);
  });
});

describe('the end of a publisher', () => {
  test('what is pending is written first, then nothing more', async () => {
    const scene = new PublishingScene(ALL);
    await scene.elected();
    scene.publisher.demoted('stopped');
    const closed = scene.publisher.close();
    assert.equal(await hasResolved(closed), true);
    assert.deepEqual([scene.marks(), scene.events.length], [FOLLOWS, 2]);
    const { length } = scene.calls;
    scene.publisher.elected({ fencingToken: '9', leaseUid: 'lease-2', acquireTimeMs: 0, resumed: false });
    await scene.run(600);
    assert.equal(scene.calls.length, length);
  });

  test('a write that is under way when the end begins is not made twice', async () => {
    const scene = new PublishingScene(ALL);
    await scene.elected();
    scene.holds = true;
    await scene.demoted('stopped');
    const closed = scene.publisher.close();
    await scene.release();
    assert.equal(await hasResolved(closed), true);
    const calls = ['read web-0', 'patch web-0'];
    assert.deepEqual(
      scene.calls.filter((call) => !call.startsWith('event')),
      [...calls, ...calls],
    );
    assert.equal(scene.events.length, 2);
  });

  test('a term that ends in the same moment still takes its marks away', async () => {
    const scene = new PublishingScene(MARKS);
    await scene.elected();
    const closed = scene.publisher.close();
    scene.publisher.demoted('invariant');
    assert.equal(await hasResolved(closed), true);
    assert.deepEqual(scene.marks(), FOLLOWS);
  });

  test('a request without an answer is waited for up to the limit, and nothing follows its late answer', async () => {
    const scene = new PublishingScene(ALL);
    await scene.elected();
    scene.holds = true;
    await scene.demoted('stopped');
    const closed = scene.publisher.close();
    scene.clock.advance(CLOSING_LIMIT_MS - 1);
    assert.equal(await hasResolved(closed), false);
    scene.clock.advance(1);
    assert.equal(await hasResolved(closed), true);
    const { length } = scene.calls;
    await scene.release();
    await scene.run(600);
    assert.equal(scene.calls.length, length);
  });

  test('a failed attempt is not repeated, so that stop() is not held up', async () => {
    const scene = new PublishingScene(ALL);
    await scene.elected();
    scene.failing = () => 'unavailable';
    scene.publisher.demoted('stopped');
    assert.equal(await hasResolved(scene.publisher.close()), true);
    assert.deepEqual(scene.marks(), LEADS);
  });

  test('a Pod that changed meanwhile is worth another attempt', async () => {
    const scene = new PublishingScene(MARKS);
    await scene.elected();
    scene.failing = (call) => (call.startsWith('patch') ? 'conflict' : null);
    scene.publisher.demoted('stopped');
    const closed = scene.publisher.close();
    await promisesSettled();
    scene.failing = () => null;
    await scene.run(1);
    assert.equal(await hasResolved(closed), true);
    assert.deepEqual(scene.marks(), FOLLOWS);
  });

  test('what is refused is not tried again at the end', async () => {
    const scene = new PublishingScene({ events: true });
    scene.failing = () => 'forbidden';
    await scene.elected();
    await scene.run(30);
    const { length } = scene.calls;
    assert.equal(await hasResolved(scene.publisher.close()), true);
    assert.equal(scene.calls.length, length);
  });
});

test('without one of the three options nothing is to be written', () => {
  const nothing = { leaderLabel: null, podDeletionCost: null, events: false };
  assert.equal(wantsPublishing(nothing), false);
  assert.equal(wantsPublishing({ ...nothing, leaderLabel: LABEL }), true);
  assert.equal(wantsPublishing({ ...nothing, podDeletionCost: 1 }), true);
  assert.equal(wantsPublishing({ ...nothing, events: true }), true);
});

describe('the permissions that are missing', () => {
  const rule = (verb: string, resource: string): MissingRule => ({ verb, apiGroup: '', resource, namespace: 'shop' });

  test('are listed until the request is accepted, and no other failure is one', async () => {
    const scene = new PublishingScene(ALL);
    scene.failing = (call) => {
      if (call.startsWith('read')) return null;
      const missingRule = call.startsWith('patch') ? rule('patch', 'pods') : rule('create', 'events');
      return { ...failureOf('forbidden'), missingRule };
    };
    assert.deepEqual(scene.publisher.missingRules(), []);
    await scene.elected();
    assert.deepEqual(scene.publisher.missingRules(), [rule('patch', 'pods'), rule('create', 'events')]);
    scene.failing = (call) => (call.startsWith('event') ? 'unavailable' : null);
    await scene.run(120);
    assert.deepEqual(scene.publisher.missingRules(), []);
  });
});
