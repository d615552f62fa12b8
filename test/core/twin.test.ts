// Checks that a leader detects another process that writes the Lease in the name of its Pod, and that its own writes
// cause no suspicion.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTwinSuspected } from '../../src/core/twin.ts';
import {
  CONFIG,
  creates,
  failure,
  finds,
  leads,
  leaseOf,
  ownLease,
  podOf,
  SELF,
  type Story,
  WALL_MS,
} from './story.ts';

function isSuspected({ state, nowMs }: Story): boolean {
  return isTwinSuspected(state.knowledge, CONFIG, nowMs);
}

/** A renewal that another process has sent. */
function foreignRenewal(resourceVersion: string, renewTimeMs: number = WALL_MS + 77) {
  return ownLease({ resourceVersion, renewTimeMs, leaseDurationSeconds: 30 });
}

/** A leader that restores its Lease. The create is in flight. */
function restores(): Story {
  return leads()
    .deleted(ownLease({ resourceVersion: '12' }))
    .podRead(SELF.name, podOf(SELF));
}

/** A candidate whose second create is in flight. The first one had no answer, and no Lease was found. */
function createsAgain(): Story {
  return creates().fail('createLease', 'unavailable').fire('retry').leaseRead(null).podRead(SELF.name, podOf(SELF));
}

/** The leader of the second create. The event of a Lease of the first create may have come before the answer. */
function leadsAfterTwoCreates(): Story {
  return createsAgain()
    .watched(ownLease({ resourceVersion: '11' }))
    .deleted(ownLease({ resourceVersion: '12' }))
    .watched(ownLease({ uid: 'lease-2', resourceVersion: '13' }))
    .created({ resourceVersion: '11' });
}

/** A candidate that resumes its term. The renewal is in flight. */
function resumes(): Story {
  return finds(leaseOf(SELF)).podRead(SELF.name, podOf(SELF));
}

/** The Lease of `resumes` with a renewTime that a webhook changed. */
function alteredByWebhook(resourceVersion: string) {
  return leaseOf(SELF, { resourceVersion, renewTimeMs: WALL_MS + 77, leaseDurationSeconds: 30 });
}

const twins: Readonly<Record<string, () => Story>> = {
  'a renewal that this process did not send': () => leads().watched(foreignRenewal('12')),
  'a renewal before the answer to the create': () =>
    creates()
      .watched(ownLease({ resourceVersion: '11' }))
      .watched(foreignRenewal('12'))
      .created({ resourceVersion: '11' }),
  'a second Lease before the answer to the create': () =>
    creates()
      .watched(ownLease({ resourceVersion: '11' }))
      .deleted(ownLease({ resourceVersion: '12' }))
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '13' }))
      .created({ resourceVersion: '11' }),
  'a renewal before the answer to the renewal that resumes a term': () =>
    finds(leaseOf(SELF))
      .podRead(SELF.name, podOf(SELF))
      .watched(leaseOf(SELF, { resourceVersion: '22', renewTimeMs: WALL_MS + 77, leaseDurationSeconds: 30 }))
      .replaced('21'),
  'a renewal of a Lease that was deleted and comes back': () =>
    leads()
      .deleted(ownLease({ resourceVersion: '12' }))
      .watched(foreignRenewal('13')),
  'a foreign renewal in an answer that this process does not await': () =>
    leads().take({ type: 'leaseWritten', request: 999, lease: foreignRenewal('12') }),
  'a foreign renewal in a read': () => leads().fire('backstop').leaseRead(foreignRenewal('12')),
  'a foreign renewal during a renewal of this process': () => leads().fire('renew').watched(foreignRenewal('12')),
  'a Lease that this process did not create': () =>
    leads()
      .deleted(ownLease({ resourceVersion: '12' }))
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '13' })),
  "a Lease that an event showed before this process's create was refused": () =>
    restores()
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '13' }))
      .fail('createLease', 'alreadyExists'),
  'a second Lease that this process did not create, after one create that had no answer': () =>
    restores()
      .fail('createLease', 'unavailable')
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '13' }))
      .deleted(ownLease({ uid: 'lease-2', resourceVersion: '14' }))
      .watched(ownLease({ uid: 'lease-3', resourceVersion: '15' })),
  'a foreign renewal in a read with the version of the deletion': () =>
    leads()
      .deleted(ownLease({ resourceVersion: '12' }))
      .fire('backstop')
      .leaseRead(foreignRenewal('12')),
  'a third Lease that the one create without an answer does not explain': () =>
    leadsAfterTwoCreates()
      .deleted(ownLease({ uid: 'lease-2', resourceVersion: '14' }))
      .watched(ownLease({ uid: 'lease-3', resourceVersion: '15' })),
  'a Lease in the place of the one that this process tried to create': () =>
    restores()
      .fail('createLease', 'alreadyExists')
      .leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '13' })),
};

for (const [what, story] of Object.entries(twins)) {
  test(`a twin is suspected after ${what}`, () => {
    const seen = story();
    assert.equal(isSuspected(seen), true);
    assert.equal(seen.texts.filter((text) => text === 'warning twin').length, 1);
    assert.equal(seen.role.name, 'leader', 'it is not known which process should end');
  });
}

const own: Readonly<Record<string, () => Story>> = {
  'an older Lease that a restored backup shows before a term is resumed': () => {
    const story = finds(
      leaseOf(SELF, { resourceVersion: '500', renewTimeMs: WALL_MS - 20_000, leaseDurationSeconds: 30 }),
    );
    story.replaced('510').fire('backstop');
    story.leaseRead(
      leaseOf(SELF, { resourceVersion: '300', renewTimeMs: WALL_MS - 500_000, leaseDurationSeconds: 30 }),
    );
    return story.podRead(SELF.name, podOf(SELF)).podRead(SELF.name, podOf(SELF));
  },
  'a renewal that a webhook changed, with a label by hand before this Pod is read': () => {
    const story = finds(leaseOf(SELF));
    const alteredByWebhook = leaseOf(SELF, {
      resourceVersion: '21',
      renewTimeMs: WALL_MS - 999,
      leaseDurationSeconds: 30,
    });
    story.take({ type: 'leaseWritten', request: story.request('replaceLease'), lease: alteredByWebhook });
    return story.watched({ ...alteredByWebhook, resourceVersion: '22' }).podRead(SELF.name, podOf(SELF));
  },
  'a late renewal of this process after the read that proves its term': () => {
    const story = finds(leaseOf(SELF)).fail('replaceLease', 'unavailable').fire('retry').leaseRead(leaseOf(SELF));
    story.refuse('replaceLease', 'forbidden').leaseRead(leaseOf(SELF));
    story.watched(leaseOf(SELF, { resourceVersion: '21', renewTimeMs: WALL_MS, leaseDurationSeconds: 30 }));
    return story.podRead(SELF.name, podOf(SELF));
  },
  'a Lease of an earlier create that had no answer, in an event before the answer to the later create':
    leadsAfterTwoCreates,
  'a Lease of an earlier create that had no answer, after a change before the answer to the later create': () =>
    createsAgain()
      .watched(ownLease({ resourceVersion: '12' }))
      .created({ resourceVersion: '11' })
      .deleted(ownLease({ resourceVersion: '13' }))
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '14' })),
  'a renewal that was answered': () => leads().fire('renew').replaced('12'),
  'a renewal whose event comes before its answer': () => {
    const story = leads().fire('renew');
    return story.watched(ownLease({ ...story.content('replaceLease'), resourceVersion: '12' })).replaced('12');
  },
  'a renewal that had no answer, found by a read': () => {
    const story = leads().fire('renew');
    const renewed = ownLease({ ...story.content('replaceLease'), resourceVersion: '12' });
    return story.fail('replaceLease', 'unavailable').leaseRead(renewed);
  },
  'a renewal that had no answer, found after several more': () => {
    const story = leads().fire('renew');
    const renewed = ownLease({ ...story.content('replaceLease'), resourceVersion: '12' });
    for (let tries = 0; tries < 20; tries += 1) {
      story.fail('replaceLease', 'unavailable').fire('renew');
    }
    return story.watched(renewed);
  },
  'a renewal whose time a webhook changed': () => {
    const story = leads().fire('renew');
    const request = story.request('replaceLease');
    return story.take({ type: 'leaseWritten', request, lease: foreignRenewal('12') }).watched(foreignRenewal('13'));
  },
  'a renewTime that a webhook wrote before the last renewal': () => {
    const story = leads().fire('renew');
    const request = story.request('replaceLease');
    return story
      .take({ type: 'leaseWritten', request, lease: foreignRenewal('12') })
      .fire('renew')
      .replaced('13')
      .watched(foreignRenewal('14'));
  },
  'a change of a Lease that was resumed by a read': () => {
    const found = leaseOf(SELF, { renewTimeMs: 5, leaseDurationSeconds: 30 });
    return finds(found)
      .podRead(SELF.name, podOf(SELF))
      .refuse('replaceLease')
      .podRead(SELF.name, podOf(SELF))
      .leaseRead(found)
      .watched({ ...found, resourceVersion: '21' });
  },
  'a change in an event before the answer to the create': () =>
    creates()
      .watched(ownLease({ resourceVersion: '11' }))
      .watched(ownLease({ resourceVersion: '12' }))
      .created({ resourceVersion: '11' }),
  'a Lease without an owner in an event before the answer to the create': () =>
    creates()
      .watched(ownLease({ resourceVersion: '11' }))
      .watched({ ...foreignRenewal('12'), owner: null })
      .created({ resourceVersion: '11' }),
  'a renewTime of a webhook in events before the answer that resumes a term': () => {
    const story = resumes();
    const request = story.request('replaceLease');
    return story
      .watched(alteredByWebhook('21'))
      .watched(alteredByWebhook('22'))
      .take({ type: 'leaseWritten', request, lease: alteredByWebhook('21') });
  },
  'a renewTime that was removed before the answer that resumes a term': () =>
    resumes()
      .watched(leaseOf(SELF, { resourceVersion: '22' }))
      .replaced('21'),
  'the loss of the owner after a create that had no answer': () =>
    restores()
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(ownLease({ resourceVersion: '13' }))
      .watched(ownLease({ resourceVersion: '14', owner: null })),
  'a create that fails for another reason after its Lease was observed': () =>
    restores()
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '13' }))
      .fail('createLease', 'unavailable'),
  'a refused create that this process does not await': () =>
    leads().take({ type: 'requestFailed', request: 999, failure: failure('alreadyExists') }),
  'a refused create after its Lease was observed and deleted': () =>
    restores()
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '13' }))
      .deleted(ownLease({ uid: 'lease-2', resourceVersion: '14' }))
      .fail('createLease', 'alreadyExists'),
  'a restored Lease whose renewTime a webhook set': () =>
    restores().created({ uid: 'lease-2', resourceVersion: '13', renewTimeMs: WALL_MS + 77, leaseDurationSeconds: 30 }),
  'a Lease from a backup that was restored': () => {
    const story = leads().fire('renew').replaced('50').fire('backstop');
    return story.leaseRead(ownLease({ resourceVersion: '30', renewTimeMs: 1, leaseDurationSeconds: 30 }));
  },
  'a change that leaves renewTime alone': () =>
    leads().watched(ownLease({ resourceVersion: '12', leaseTransitions: 9 })),
  'a restored Lease': () => restores().created({ uid: 'lease-2', resourceVersion: '13' }),
  'a restored Lease whose event comes before the answer': () =>
    restores().watched(ownLease({ uid: 'lease-2', resourceVersion: '13' })),
  'a restored Lease whose create had no answer': () =>
    restores()
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '13' })),
  'a Lease of a create that is executed late, after another one was restored and deleted': () =>
    restores()
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(null)
      .podRead(SELF.name, podOf(SELF))
      .created({ uid: 'lease-2', resourceVersion: '13' })
      .deleted(ownLease({ uid: 'lease-2', resourceVersion: '14' }))
      .watched(ownLease({ uid: 'lease-3', resourceVersion: '15' })),
  'a Lease of a create that is executed late, after a renewal of another one': () =>
    restores()
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(null)
      .podRead(SELF.name, podOf(SELF))
      .created({ uid: 'lease-2', resourceVersion: '13' })
      .fire('renew')
      .replaced('14')
      .deleted(ownLease({ uid: 'lease-2', resourceVersion: '15' }))
      .watched(ownLease({ uid: 'lease-3', resourceVersion: '16' })),
  'a Lease of a create that is executed late, after the earlier Lease came back': () =>
    restores()
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(ownLease({ resourceVersion: '13' }))
      .deleted(ownLease({ resourceVersion: '14' }))
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '15' })),
  'the last renewal of the previous process in a resumed term': () => {
    const story = finds(leaseOf(SELF)).podRead(SELF.name, podOf(SELF)).fail('replaceLease', 'conflict');
    const late = leaseOf(SELF, { resourceVersion: '21', renewTimeMs: 5, leaseDurationSeconds: 30 });
    return story.leaseRead(late).podRead(SELF.name, podOf(SELF)).replaced('22').watched(late);
  },
};

for (const [what, story] of Object.entries(own)) {
  test(`no twin is suspected after ${what}`, () => {
    const seen = story();
    assert.equal(isSuspected(seen), false);
    assert.ok(!seen.texts.includes('warning twin'), String(seen.texts));
    assert.equal(seen.role.name, 'leader');
  });
}

test('a twin is suspected for the duration of a Lease after the last foreign write', () => {
  const story = leads().watched(foreignRenewal('12', 1)).wait(29_999);
  assert.equal(isSuspected(story), true);
  story.watched(foreignRenewal('13', 2)).wait(29_999);
  assert.equal(isSuspected(story), true);
  assert.equal(isSuspected(story.wait(1)), false);
  assert.equal(story.texts.filter((text) => text === 'warning twin').length, 1, 'one warning');
});

test('no twin is suspected when no foreign write was observed', () => {
  assert.equal(isTwinSuspected(leads().state.knowledge, CONFIG, 1), false);
});

/**
 * The renewTimes that a leader keeps after this many renewals. A webhook shifts each renewTime by `shiftMs`, or removes
 * it for `null`.
 */
function renews(times: number, shiftMs: number | null): readonly number[] {
  const story = leads();
  for (let renewal = 0; renewal < times; renewal += 1) {
    story.fire('renew');
    const request = story.request('replaceLease');
    const renewTimeMs = shiftMs === null ? null : story.wallMs + shiftMs;
    const lease = ownLease({ resourceVersion: `${20 + renewal}`, renewTimeMs, leaseDurationSeconds: 30 });
    story.take({ type: 'leaseWritten', request, lease });
  }
  return story.state.knowledge.sentRenewTimesMs;
}

test('the sent renewTime is kept, and also the one that a webhook wrote instead', () => {
  assert.deepEqual(renews(1, 0), [WALL_MS]);
  assert.deepEqual(renews(1, null), [WALL_MS]);
  assert.deepEqual(renews(1, 77), [WALL_MS, WALL_MS + 77]);
});

test('only the newest 64 renewTimes are kept', () => {
  assert.equal(renews(100, 0).length, 64);
  const changed = renews(100, 77);
  assert.equal(changed.length, 64);
  assert.equal(changed.at(-1), (changed.at(-2) ?? 0) + 77);
});
