// Checks the succession `pod-stopped`: a holder whose Pod has ended for good is succeeded as one that is gone is, and
// a process whose own Pod is reported to have ended neither leads nor begins to lead.

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

/** A candidate that sees the rival lead, and its Pod exist. */
function follows(config: typeof CONFIG = STOPPED_COUNTS): Story {
  return starts(config).listed(leaseOf(RIVAL)).podListed(RIVAL, podOf(RIVAL));
}

/** A candidate that has seen the rival's Pod stop, and clears its Lease away. */
function clears(): Story {
  return follows().podWatched(RIVAL, stoppedPod(RIVAL)).fire('campaign');
}

function leads(): Story {
  return starts(STOPPED_COUNTS).absent('10').podRead(SELF.name, podOf(SELF)).created({ resourceVersion: '11' });
}

const successions: readonly Row[] = [
  {
    rule: 'by default a holder whose Pod has stopped holds its Lease as long as the Pod exists',
    given: () => follows(CONFIG),
    when: (story) => story.podWatched(RIVAL, stoppedPod(RIVAL)),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'pod-stopped: a watch event that shows the Pod of the holder stopped leads to a campaign',
    given: follows,
    when: (story) => story.podWatched(RIVAL, stoppedPod(RIVAL)),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'pod-stopped: so does the read of the backstop',
    given: () => follows().fire('backstop'),
    when: (story) => story.podRead(RIVAL.name, stoppedPod(RIVAL)),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'pod-stopped: a candidate that starts later finds it out from the first list',
    given: () => starts(STOPPED_COUNTS).listed(leaseOf(RIVAL)),
    when: (story) => story.podListed(RIVAL, stoppedPod(RIVAL)),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'pod-stopped: a Pod that failed while a container of it may run is left alone',
    given: follows,
    when: (story) => story.podWatched(RIVAL, stoppedPod(RIVAL, { containersTerminated: false })),
    role: 'candidate',
    effects: [],
  },
  {
    rule: 'pod-stopped: the Lease is deleted with its preconditions, while this Pod is read',
    given: () => follows().podWatched(RIVAL, stoppedPod(RIVAL)),
    when: (story) => story.fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [`readPod ${SELF.name}`, 'deleteLease lease-1@20'],
  },
  {
    rule: 'pod-stopped: then a new one is created; the object of the stopped Pod stands in nobodys way',
    given: () => clears().podRead(SELF.name, podOf(SELF)),
    when: (story) => story.removed(),
    role: 'candidate creating',
    effects: ['createLease transitions=4'],
  },
  {
    rule: 'pod-stopped: a missing Lease is not left to a holder that has stopped: it restores nothing',
    given: () => follows().deleted(leaseOf(RIVAL, { resourceVersion: '25' })),
    when: (story) => story.podWatched(RIVAL, stoppedPod(RIVAL)),
    role: 'candidate jitter',
    effects: [JITTER, 'leaderChanged nobody'],
  },
  {
    rule: 'pod-stopped: a create that the stopped Pod sent before its end, and that arrives now, is cleared away again',
    given: () => clears().podRead(SELF.name, podOf(SELF)).removed().fail('createLease', 'alreadyExists'),
    when: (story) => story.leaseRead(leaseOf(RIVAL, { uid: 'lease-2', resourceVersion: '30' })).fire('campaign'),
    role: 'candidate deletingOldLease',
    effects: [JITTER, `readPod ${SELF.name}`, 'deleteLease lease-2@30'],
  },
  {
    rule: 'pod-stopped: without permission to delete there is no succession before the Pod object goes',
    given: clears,
    when: (story) => story.refuse('deleteLease', 'forbidden'),
    role: 'candidate',
    effects: ['setTimer permission 6000', 'warning delete-forbidden'],
  },
];

checkTable(successions);

const ownPod: readonly Row[] = [
  {
    rule: 'by default a leader continues to lead although its Pod is reported to have stopped',
    given: () => starts().absent('10').podRead(SELF.name, podOf(SELF)).created({ resourceVersion: '11' }),
    when: (story) => story.podWatched(SELF, stoppedPod(SELF)),
    role: 'leader',
    effects: [],
  },
  {
    rule: 'pod-stopped: a leader whose own Pod is reported to have stopped does not continue to lead: other Pods may take over',
    given: leads,
    when: (story) => story.podWatched(SELF, stoppedPod(SELF)),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'pod-stopped: it does not restore its Lease',
    given: () => leads().deleted(ownLease({ resourceVersion: '12' })),
    when: (story) => story.podRead(SELF.name, stoppedPod(SELF)),
    role: 'candidate',
    effects: ['warning pod-deleted', 'clearTimer renew', 'demoted pod-deleted', 'leaderChanged nobody'],
  },
  {
    rule: 'pod-stopped: a candidate whose own Pod is reported to have stopped does not campaign',
    given: clears,
    when: (story) => story.podRead(SELF.name, stoppedPod(SELF)).removed(),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'pod-stopped: nor does it resume its term',
    given: () => starts(STOPPED_COUNTS).listed(leaseOf(SELF)),
    when: (story) => story.podRead(SELF.name, stoppedPod(SELF)),
    role: 'candidate',
    effects: ['warning pod-deleted'],
  },
  {
    rule: 'pod-stopped: nor does it release the Lease, which may be its successors',
    given: () => leads().stop().settled(),
    when: (story) => story.podRead(SELF.name, { ...stoppedPod(SELF), terminating: true }),
    role: 'stopped',
    effects: ['warning pod-deleted', 'shutDown', 'stopped kept'],
  },
];

checkTable(ownPod);
