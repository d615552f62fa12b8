// Checks the content of announcements: the leader and the start of its term, the fields of a term, and the texts of
// warnings.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Announcement, Leader, WarningCode } from '../../src/core/effect.ts';
import type { PodRecord } from '../../src/core/lease-record.ts';
import { currentLeader } from '../../src/core/observation.ts';
import {
  CONFIG,
  checkTable,
  clears,
  creates,
  finds,
  follows,
  HELD_BY_FINALIZER,
  leads,
  leaseOf,
  ownLease,
  podOf,
  RIVAL,
  SELF,
  Story,
  seesRivalGo,
  starts,
  WALL_MS,
} from './story.ts';

/** The last announcement of this type. */
function announced<Type extends Announcement['type']>(
  story: Story,
  type: Type,
): Extract<Announcement, { type: Type }> | undefined {
  return story.effects
    .flatMap((effect) => (effect.type === 'announce' ? [effect.announcement] : []))
    .findLast((announcement): announcement is Extract<Announcement, { type: Type }> => announcement.type === type);
}

const renewing = leaseOf(RIVAL, { renewTimeMs: 1_000, leaseDurationSeconds: 15 });
const foreign = leaseOf(null, { holderIdentity: 'sidecar', leaseDurationSeconds: 15 });

const leaders: readonly [rule: string, story: () => Story, leader: Leader | null][] = [
  [
    'an announced leader has its Pod and its acquireTime when it does not renew',
    () => finds(leaseOf(RIVAL)),
    { ...RIVAL, acquireTimeMs: 5_000, renewalObservedAtMs: null },
  ],
  [
    'an announced leader has the moment at which this process observed its renewal',
    () => finds(renewing).wait(3_000).watched(renewing),
    { ...RIVAL, acquireTimeMs: 5_000, renewalObservedAtMs: 1_000_000 },
  ],
  [
    'a renewal moves that moment by the clock of this process',
    () =>
      finds(renewing)
        .wait(3_000)
        .watched({ ...renewing, resourceVersion: '21', renewTimeMs: 11_000 }),
    { ...RIVAL, acquireTimeMs: 5_000, renewalObservedAtMs: 1_003_000 },
  ],
  [
    'an announced leader keeps its acquireTime when its Lease is missing',
    () => follows(renewing).deleted({ ...renewing, resourceVersion: '25' }),
    { ...RIVAL, acquireTimeMs: 5_000, renewalObservedAtMs: null },
  ],
  [
    'an announced leader does not get the acquireTime of the leader before it',
    () =>
      follows(renewing).watched(
        leaseOf({ name: 'app-3', uid: 'pod-3' }, { resourceVersion: '25', acquireTimeMs: null }),
      ),
    { name: 'app-3', uid: 'pod-3', acquireTimeMs: null, renewalObservedAtMs: null },
  ],
  [
    'an announced leader has only the holderIdentity when the Lease is foreign',
    () => finds(foreign),
    { name: 'sidecar', uid: null, acquireTimeMs: 5_000, renewalObservedAtMs: null },
  ],
  [
    'an announced leader has the moment of its renewal when the Lease is foreign',
    () => finds({ ...foreign, renewTimeMs: 1_000 }),
    { name: 'sidecar', uid: null, acquireTimeMs: 5_000, renewalObservedAtMs: 1_000_000 },
  ],
  [
    'a foreign Lease names no leader when its holderIdentity is empty',
    () => finds({ ...foreign, holderIdentity: '' }),
    null,
  ],
  [
    'a foreign Lease names no leader when it has no holderIdentity',
    () => finds({ ...foreign, holderIdentity: null }),
    null,
  ],
  ['a Pod is no leader when it is gone', () => follows().podGone(RIVAL), null],
  [
    'a Pod is no leader when it has released its Lease',
    () => follows().watched(leaseOf(RIVAL, { resourceVersion: '21', releasedBy: RIVAL.uid })),
    null,
  ],
];

for (const [rule, story, leader] of leaders) {
  test(rule, () => assert.deepEqual(currentLeader(story().state.knowledge), leader));
}

test('a leader gets no acquireTime from a missing Lease when it was never announced', () => {
  const { knowledge } = follows().deleted(leaseOf(RIVAL, { resourceVersion: '25' })).state;
  const stranger: Leader = { name: 'app-3', uid: 'pod-3', acquireTimeMs: 77, renewalObservedAtMs: null };
  for (const announced of [stranger, undefined]) {
    const leader = currentLeader({ ...knowledge, announced: { ...knowledge.announced, leader: announced } });
    assert.equal(leader?.acquireTimeMs, null);
  }
});

checkTable([
  {
    rule: 'a foreign Lease has a new leader when another holderIdentity takes it over',
    given: () => finds(foreign),
    when: (story) => story.watched({ ...foreign, resourceVersion: '21', holderIdentity: 'another' }),
    role: 'candidate',
    effects: ['leaderChanged another'],
  },
]);

const terms: readonly [rule: string, story: () => Story, acquireTimeMs: number][] = [
  ['a term begins with the creation of its Lease', () => creates().created({ resourceVersion: '11' }), WALL_MS],
  [
    'a resumed term begins at the acquireTime of its Lease',
    () =>
      finds(ownLease({ acquireTimeMs: 77 }))
        .podRead(SELF.name, podOf(SELF))
        .replaced('12'),
    77,
  ],
  [
    'a term begins now when its Lease has no acquireTime',
    () => creates().created({ resourceVersion: '11', acquireTimeMs: null }),
    WALL_MS,
  ],
];

for (const [rule, story, acquireTimeMs] of terms) {
  test(rule, () => assert.equal(announced(story(), 'elected')?.term.acquireTimeMs, acquireTimeMs));
}

test('a term has its fencing token and its Lease', () => {
  assert.deepEqual(announced(creates().created({ resourceVersion: '11' }), 'elected')?.term, {
    fencingToken: '11',
    leaseUid: 'lease-1',
    acquireTimeMs: WALL_MS,
    resumed: false,
  });
});

/** The facts before the warning, and the texts that its message must contain. */
const warnings: Readonly<Record<WarningCode, readonly [story: () => Story, says: readonly string[]]>> = {
  'renew-forbidden': [
    () => leads().fire('renew').refuse('replaceLease', 'forbidden'),
    ['it failed: forbidden', 'the other Pods cannot see whether the leader hangs'],
  ],
  'delete-forbidden': [
    () => clears().refuse('deleteLease', 'forbidden'),
    ['it failed: forbidden', 'a successor waits for the garbage collector'],
  ],
  'create-forbidden': [
    () => clears().podRead(SELF.name, podOf(SELF)).removed().refuse('createLease', 'forbidden'),
    ['it failed: forbidden'],
  ],
  'read-forbidden': [() => follows().fire('backstop').refuse('readLease', 'forbidden'), ['it failed: forbidden']],
  'pod-read-forbidden': [
    () => clears().refuse('readPod', 'forbidden', SELF.name),
    ['it failed: forbidden', 'a successor must wait for the garbage collector'],
  ],
  'foreign-lease': [
    () => finds(leaseOf(null, { holderIdentity: 'sidecar' })),
    [
      `Lease ${CONFIG.namespace}/${CONFIG.leaseName} has no owner and no leaseDurationSeconds`,
      `kubectl delete lease ${CONFIG.leaseName} -n ${CONFIG.namespace}`,
    ],
  ],
  'pod-terminating': [
    () => clears().podRead(SELF.name, podOf(SELF, { terminating: true })),
    [`Pod ${SELF.name} is being deleted`],
  ],
  'pod-deleted': [
    () => leads().podGone(SELF),
    [`Pod ${SELF.name} (uid ${SELF.uid}) no longer exists`, 'End this process'],
  ],
  unauthorized: [
    () =>
      leads()
        .fire('renew')
        .fail('replaceLease', 'unauthorized')
        .wait(10_000)
        .fire('renew')
        .fail('replaceLease', 'unauthorized'),
    ['it failed: unauthorized', 'check its ServiceAccount'],
  ],
  'request-rejected': [() => leads().fire('renew').refuse('replaceLease', 'rejected'), ['it failed: rejected']],
  'owner-removed': [
    () => leads().watched(ownLease({ owner: null, resourceVersion: '12' })),
    [`Lease ${CONFIG.namespace}/${CONFIG.leaseName}`, 'metadata.ownerReferences', 'admission webhook'],
  ],
  'release-stuck': [
    () => {
      const story = leads().stop('always').settled().replaced('12').refuse('deleteLease', 'rejected');
      return story.fire('leaving');
    },
    ['it failed: rejected', `kubectl delete lease ${CONFIG.leaseName} -n ${CONFIG.namespace}`],
  ],
  'lease-terminating': [
    () => seesRivalGo().watched(leaseOf(RIVAL, { resourceVersion: '21', ...HELD_BY_FINALIZER })),
    [
      `Lease ${CONFIG.namespace}/${CONFIG.leaseName} is being deleted`,
      'example.com/audit',
      `kubectl patch lease ${CONFIG.leaseName} -n ${CONFIG.namespace} --type=merge -p '{"metadata":{"finalizers":null}}'`,
    ],
  ],
  'write-altered': [
    () => {
      const story = leads().fire('renew');
      const lease = ownLease({ ...story.content('replaceLease'), resourceVersion: '12', holderIdentity: 'webhook' });
      const request = story.request('replaceLease');
      return story.take({ type: 'leaseWritten', request, lease, altered: ['spec.holderIdentity'] });
    },
    [`Lease ${CONFIG.namespace}/${CONFIG.leaseName}`, 'spec.holderIdentity', 'admission webhook'],
  ],
  twin: [
    () => leads().watched(ownLease({ resourceVersion: '12', renewTimeMs: 77 })),
    [`in the name of Pod ${SELF.name} (uid ${SELF.uid})`, 'End one of the processes', 'confirm() rejects'],
  ],
  'pod-unknown': [
    () => {
      const story = starts().absent('10').refuse('readPod', 'forbidden', SELF.name).created({ resourceVersion: '11' });
      for (const [uid, next, version] of [
        ['lease-1', 'lease-2', 12],
        ['lease-2', 'lease-3', 14],
      ] as const) {
        story.deleted(ownLease({ uid, resourceVersion: String(version) }));
        if (story.timers.has('retry')) story.fire('retry').leaseRead(null);
        story.refuse('readPod', 'forbidden', SELF.name);
        story.created({ uid: next, resourceVersion: String(version + 1) });
      }
      return story.deleted(ownLease({ uid: 'lease-3', resourceVersion: '16' }));
    },
    [
      '3 times in a row',
      `Most likely Pod ${SELF.name} (uid ${SELF.uid}) is gone, or its uid is wrong`,
      `kubectl get pod ${SELF.name} -n ${CONFIG.namespace} -o jsonpath={.metadata.uid}`,
      'option `pod: { uid }`',
    ],
  ],
  'refusal-over': [
    () => leads().fire('renew').refuse('replaceLease').fire('permission').fire('renew').replaced('12'),
    ['`update` on leases.coordination.k8s.io is accepted again'],
  ],
  'work-not-drained': [
    () => leads().stop('always').settled(false),
    ['released although the promise of onElected has not settled'],
  ],
  'sibling-lock-refused': [
    () =>
      new Story()
        .take({ type: 'started' })
        .take({ type: 'siblingLockAnswered', outcome: 'taken', refusedBy: 'EACCES' }),
    ['cannot be bound (EACCES)', 'does not campaign', 'Permit abstract Unix sockets'],
  ],
  'sibling-lock-held': [
    () =>
      new Story()
        .take({ type: 'started' })
        .take({ type: 'siblingLockAnswered', outcome: 'taken' })
        .absent('10')
        .wait(30_000)
        .absent('11')
        .take({ type: 'siblingLockHolderFound', holder: { pid: 17, uid: 1000 } }),
    ['Another process holds the socket', 'for 30 s', 'the process id 17 and the user id 1000', 'End it if it hangs'],
  ],
  'sibling-lock-unsupported': [
    () => new Story().take({ type: 'started' }).take({ type: 'siblingLockAnswered', outcome: 'unsupported' }),
    ['Abstract Unix sockets are not available on this platform', 'only one process in each Pod starts an elector'],
  ],
};

for (const [code, [story, says]] of Object.entries(warnings)) {
  test(`the warning ${code} says what is wrong and what to do`, () => {
    const warning = announced(story(), 'warning');
    assert.equal(warning?.code, code);
    for (const part of says) assert.ok(warning.message.includes(part), `${warning.message}: lacks "${part}"`);
  });
}

test('the warning pod-deleted does not state whether the Pod is gone or has stopped when a stopped Pod counts as gone', () => {
  const warningOf = (succession: 'pod-deleted' | 'pod-stopped') =>
    announced(
      starts({ ...CONFIG, succession })
        .absent('10')
        .podRead(SELF.name, null),
      'warning',
    )?.message ?? '';
  assert.match(warningOf('pod-deleted'), /^Pod app-1 \(uid pod-1\) does not exist/);
  assert.match(warningOf('pod-stopped'), /^Pod app-1 \(uid pod-1\) has stopped, or does not exist/);
});

test('the warning distinguishes a Pod that is gone from a Pod that the API server never showed', () => {
  const warningOf = (story: Story) => announced(story, 'warning')?.message ?? '';
  assert.match(warningOf(leads().podGone(SELF)), /no longer exists/);
  assert.match(
    warningOf(starts().absent('10').podRead(SELF.name, null)),
    /has never shown it to this process.*uid is wrong/,
  );
});

test('the reason why a Pod must not campaign is recorded', () => {
  const reasonOf = (pod: PodRecord | null) => clears().podRead(SELF.name, pod).state.knowledge.disqualifiedBy;
  assert.equal(reasonOf(podOf(SELF)), null);
  assert.equal(reasonOf(podOf(SELF, { terminating: true })), 'pod-terminating');
  assert.equal(reasonOf(null), 'pod-deleted');
});

test('the warning states the consequence when the Pod of the leader can be read but not watched', () => {
  const story = follows().refusePodWatch(RIVAL);
  const warning = announced(story, 'warning');
  assert.equal(warning?.code, 'pod-read-forbidden');
  assert.equal(warning.message, "it failed: forbidden. Until then this process sees the end of the leader's Pod late.");
});
