// Checks that a leader notices another process that writes the Lease in the name of its Pod, and takes none of its own
// writes for one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTwinSuspected } from '../../src/core/twin.ts';
import { CONFIG, creates, finds, leads, leaseOf, ownLease, podOf, SELF, type Story, WALL_MS } from './story.ts';

function suspects({ state, nowMs }: Story): boolean {
  return isTwinSuspected(state.knowledge, CONFIG, nowMs);
}

/** A renewal that another process sent. */
function foreignRenewal(resourceVersion: string, renewTimeMs: number = WALL_MS + 77) {
  return ownLease({ resourceVersion, renewTimeMs, leaseDurationSeconds: 30 });
}

/** The create of a restoration is under way. */
function restores(): Story {
  return leads()
    .deleted(ownLease({ resourceVersion: '12' }))
    .podRead(SELF.name, podOf(SELF));
}

const twins: Readonly<Record<string, () => Story>> = {
  'a renewal that this process did not send': () => leads().watched(foreignRenewal('12')),
  'a renewal that overtook the answer to the create': () =>
    creates()
      .watched(ownLease({ resourceVersion: '11' }))
      .watched(foreignRenewal('12'))
      .created({ resourceVersion: '11' }),
  'a Lease that overtook the answer to the create of another': () =>
    creates()
      .watched(ownLease({ resourceVersion: '11' }))
      .deleted(ownLease({ resourceVersion: '12' }))
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '13' }))
      .created({ resourceVersion: '11' }),
  'a renewal that overtook the answer to the renewal that resumes a term': () =>
    finds(leaseOf(SELF))
      .podRead(SELF.name, podOf(SELF))
      .watched(leaseOf(SELF, { resourceVersion: '22', renewTimeMs: WALL_MS + 77, leaseDurationSeconds: 30 }))
      .replaced('21'),
  'such a renewal in a read': () => leads().fire('backstop').leaseRead(foreignRenewal('12')),
  'such a renewal while a renewal of this process is in flight': () =>
    leads().fire('renew').watched(foreignRenewal('12')),
  'a Lease that this process did not create': () =>
    leads()
      .deleted(ownLease({ resourceVersion: '12' }))
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '13' })),
  "a Lease that was seen before this process's create was refused because of it": () =>
    restores()
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '13' }))
      .fail('createLease', 'alreadyExists'),
  'the second Lease that this process did not create, after one create whose answer was lost': () =>
    restores()
      .fail('createLease', 'unavailable')
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '13' }))
      .deleted(ownLease({ uid: 'lease-2', resourceVersion: '14' }))
      .watched(ownLease({ uid: 'lease-3', resourceVersion: '15' })),
  'a Lease in the place of the one that it wanted to create': () =>
    restores()
      .fail('createLease', 'alreadyExists')
      .leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '13' })),
};

for (const [what, story] of Object.entries(twins)) {
  test(`${what} comes from a twin`, () => {
    const seen = story();
    assert.equal(suspects(seen), true);
    assert.equal(seen.said.filter((said) => said === 'warning twin').length, 1);
    assert.equal(seen.role.name, 'leader', 'which of both should end is not known');
  });
}

const own: Readonly<Record<string, () => Story>> = {
  'a Lease of an earlier create whose answer was lost, which overtook the answer to the create': () =>
    creates()
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(null)
      .podRead(SELF.name, podOf(SELF))
      .watched(ownLease({ resourceVersion: '11' }))
      .deleted(ownLease({ resourceVersion: '12' }))
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '13' }))
      .created({ resourceVersion: '11' }),
  'a renewal that was answered': () => leads().fire('renew').replaced('12'),
  'a renewal whose event comes before its answer': () => {
    const story = leads().fire('renew');
    return story.watched(ownLease({ ...story.content('replaceLease'), resourceVersion: '12' })).replaced('12');
  },
  'a renewal whose answer was lost, found by a read': () => {
    const story = leads().fire('renew');
    const renewed = ownLease({ ...story.content('replaceLease'), resourceVersion: '12' });
    return story.fail('replaceLease', 'unavailable').leaseRead(renewed);
  },
  'a renewal whose answer was lost, found after several more': () => {
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
    return story.tell({ type: 'leaseWritten', request, lease: foreignRenewal('12') }).watched(foreignRenewal('13'));
  },
  'a Lease from a backup that was restored': () => {
    const story = leads().fire('renew').replaced('50').fire('backstop');
    return story.leaseRead(ownLease({ resourceVersion: '30', renewTimeMs: 1, leaseDurationSeconds: 30 }));
  },
  'a change that leaves renewTime alone': () =>
    leads().watched(ownLease({ resourceVersion: '12', leaseTransitions: 9 })),
  'a restored Lease': () => restores().created({ uid: 'lease-2', resourceVersion: '13' }),
  'a restored Lease whose event comes before the answer': () =>
    restores().watched(ownLease({ uid: 'lease-2', resourceVersion: '13' })),
  'a restored Lease whose answer was lost': () =>
    restores()
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(ownLease({ uid: 'lease-2', resourceVersion: '13' })),
  'a Lease of a create that is carried out late, after another one was restored and deleted': () =>
    restores()
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(null)
      .podRead(SELF.name, podOf(SELF))
      .created({ uid: 'lease-2', resourceVersion: '13' })
      .deleted(ownLease({ uid: 'lease-2', resourceVersion: '14' }))
      .watched(ownLease({ uid: 'lease-3', resourceVersion: '15' })),
  'a Lease of a create that is carried out late, after a renewal of another one': () =>
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
  'a Lease of a create that is carried out late, after the Lease before was there again': () =>
    restores()
      .fail('createLease', 'unavailable')
      .fire('retry')
      .leaseRead(ownLease({ resourceVersion: '13' }))
      .deleted(ownLease({ resourceVersion: '14' }))
      .watched(ownLease({ uid: 'lease-2', resourceVersion: '15' })),
  'what the process before wrote last, found by the one that resumes': () => {
    const story = finds(leaseOf(SELF)).podRead(SELF.name, podOf(SELF)).fail('replaceLease', 'conflict');
    const late = leaseOf(SELF, { resourceVersion: '21', renewTimeMs: 5, leaseDurationSeconds: 30 });
    return story.leaseRead(late).podRead(SELF.name, podOf(SELF)).replaced('22').watched(late);
  },
};

for (const [what, story] of Object.entries(own)) {
  test(`${what} is no sign of a twin`, () => {
    const seen = story();
    assert.equal(suspects(seen), false);
    assert.ok(!seen.said.includes('warning twin'), String(seen.said));
    assert.equal(seen.role.name, 'leader');
  });
}

test('the suspicion lasts for the duration of a Lease after the last foreign write', () => {
  const story = leads().watched(foreignRenewal('12', 1)).wait(29_999);
  assert.equal(suspects(story), true);
  story.watched(foreignRenewal('13', 2)).wait(29_999);
  assert.equal(suspects(story), true);
  assert.equal(suspects(story.wait(1)), false);
  assert.equal(story.said.filter((said) => said === 'warning twin').length, 1, 'it is warned of once');
});
