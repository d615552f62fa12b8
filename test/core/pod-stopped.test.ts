// Checks the succession `pod-stopped`: a candidate takes over when the holder's Pod has ended for good, and a process
// does not lead when its own Pod is reported to have ended.

import { CAMPAIGN_JITTER_MS } from '../../src/core/successor.ts';
import {
  CONFIG,
  checkTable,
  leaseOf,
  ownLease,
  podOf,
  RIVAL,
  type Row,
  SELF,
  type Story,
  starts,
  stoppedPod,
} from './story.ts';

const STOPPED_COUNTS = { ...CONFIG, succession: 'pod-stopped' } as const;
const JITTER = `setTimer campaign ${CAMPAIGN_JITTER_MS / 2}`;

/** A candidate that follows the rival, whose Pod exists. */
function follows(config: typeof CONFIG = STOPPED_COUNTS): Story {
  return starts(config).listed(leaseOf(RIVAL)).podListed(RIVAL, podOf(RIVAL));
}

/** A candidate that has observed the end of the rival's Pod and deletes its Lease. */
function clears(): Story {
  return follows().podWatched(RIVAL, stoppedPod(RIVAL)).fire('campaign');
}

function leads(): Story {
  return starts(STOPPED_COUNTS).absent('10').podRead(SELF.name, podOf(SELF)).created({ resourceVersion: '11' });
}

const successions: readonly Row[] = [
  {
    rule: 'pod-deleted: a candidate leaves the Lease to a holder whose Pod has stopped but exists',
    given: () => follows(CONFIG),
    when: (story) => story.podWatched(RIVAL, stoppedPod(RIVAL)),
    role: 'candidate',
    effects: [],
  },
  {
    rule: "pod-stopped: a candidate campaigns when a watch event shows that the holder's Pod has stopped",
    given: follows,
    when: (story) => story.podWatched(RIVAL, stoppedPod(RIVAL)),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: "pod-stopped: a candidate campaigns when the read of a resync shows that the holder's Pod has stopped",
    given: () => follows().fire('backstop'),
    when: (story) => story.podRead(RIVAL.name, stoppedPod(RIVAL)),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: "pod-stopped: a candidate campaigns when the first list of Pods shows that the holder's Pod has stopped",
    given: () => starts(STOPPED_COUNTS).listed(leaseOf(RIVAL)),
    when: (story) => story.podListed(RIVAL, stoppedPod(RIVAL)),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: "pod-stopped: a candidate does not campaign when the holder's Pod has failed but a container may run",
    given: follows,
    when: (story) => story.podWatched(RIVAL, stoppedPod(RIVAL, { containersTerminated: false })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'pod-stopped: a candidate deletes the Lease with preconditions and reads its own Pod',
    given: () => follows().podWatched(RIVAL, stoppedPod(RIVAL)),
    when: (story) => story.fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'pod-stopped: a candidate creates its Lease although the stopped Pod still exists',
    given: () => clears().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.removed(),
    role: 'candidate creating',
    effects: ['createLease transitions=4'],
  },
  {
    rule: 'pod-stopped: a candidate creates a missing Lease when the last holder has stopped',
    given: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    when: (story) => story.podWatched(RIVAL, stoppedPod(RIVAL)),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'pod-stopped: a candidate deletes the Lease again when a late create of the stopped Pod arrives',
    given: () => clears().podRead(SELF.name, podOf(SELF)).removed().fail('createLease', 'alreadyExists'),
    when: (story) => story.leaseRead(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '30' })).fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [JITTER, `readPod ${SELF.name}`, 'deleteLease lease-2@30'],
  },
  {
    rule: 'pod-stopped: a candidate that must not delete the Lease does not take over while the stopped Pod exists',
    given: clears,
    when: (story) => story.refuse('deleteLease', 'forbidden'),
    role: 'candidate',
    effects: ['setTimer permission 6000', 'warning delete-forbidden'],
  },
];

checkTable(successions);

const ownPod: readonly Row[] = [
  {
    rule: 'pod-deleted: a leader continues to lead when its Pod is reported to have stopped',
    given: () => starts().absent('10').podRead(SELF.name, podOf(SELF)).created({ resourceVersion: '11' }),
    when: (story) => story.podWatched(SELF, stoppedPod(SELF)),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'pod-stopped: a leader stops leading when its Pod is reported to have stopped, because another Pod may take over',
    given: leads,
    when: (story) => story.podWatched(SELF, stoppedPod(SELF)),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'pod-stopped: a leader does not restore its Lease when its Pod is reported to have stopped',
    given: () => leads().deleted(ownLease({ resourceVersion: '12' })),
    when: (story) => story.podRead(SELF.name, stoppedPod(SELF)),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'pod-stopped: a candidate does not campaign when its Pod is reported to have stopped',
    given: clears,
    when: (story) => story.podRead(SELF.name, stoppedPod(SELF)).removed(),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'pod-stopped: a candidate does not resume its term when its Pod is reported to have stopped',
    given: () => starts(STOPPED_COUNTS).listed(leaseOf(SELF)),
    when: (story) => story.podRead(SELF.name, stoppedPod(SELF)),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'pod-stopped: a process does not release the Lease when its Pod is reported to have stopped',
    given: () => leads().stop().settled(),
    when: (story) => story.podRead(SELF.name, { ...stoppedPod(SELF), terminating: true }),
    role: 'stopped',
    effects: ['warning pod-deleted', 'shutDown', 'stopped kept'],
  },
];

checkTable(ownPod);
