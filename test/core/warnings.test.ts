// Checks the complete texts of the warnings. The rows of each rule check when it warns.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Refusable } from '../../src/core/refusal.ts';
import {
  acceptedAgain,
  leaseTerminating,
  ownerRemoved,
  podUnknown,
  refused,
  releaseStuck,
  siblingLockHeld,
  siblingLockRefused,
  twinWarning,
  type Warning,
  workNotDrained,
  writeAltered,
} from '../../src/core/warnings.ts';
import { CONFIG, failure } from './story.ts';

const STUCK = 'Lease shop/app is marked as released, but this process could neither delete it nor withdraw the release';
const TAKES_OVER =
  '. Another Pod takes over as soon as it can delete the Lease. To do it now: kubectl delete lease app -n shop';

const texts: readonly (readonly [what: string, warning: Warning, message: string])[] = [
  [
    'a Pod that the API server does not know',
    podUnknown(CONFIG, 3),
    'Lease shop/app was deleted 3 times in a row soon after it was created. The garbage collector does this when the ' +
      'owner does not exist. Most likely Pod app-1 (uid pod-1) is gone, or its uid is wrong (mistyped, or that of a ' +
      'static Pod instead of its mirror Pod). This process does not campaign again. Compare the uid: kubectl get pod ' +
      'app-1 -n shop -o jsonpath={.metadata.uid}. If it differs, set the option `pod: { uid }` to it. If it is the ' +
      'same, find the program that deletes the Lease, and start a new process.',
  ],
  [
    'a socket that cannot be bound',
    siblingLockRefused('EACCES'),
    'The abstract Unix socket of this Pod cannot be bound (EACCES), so another process of the Pod might lead. This ' +
      'process does not campaign until the bind succeeds. Permit abstract Unix sockets in the seccomp profile and in ' +
      "the AppArmor or SELinux policy of this process's container.",
  ],
  [
    'a holder of the socket that cannot be seen',
    siblingLockHeld(CONFIG, 30_000, null),
    'Another process holds the socket that lets one process of Pod app-1 campaign, but is not known to campaign: no ' +
      'process of the Pod has led or renewed for 30 s. It cannot be seen from this container: look at the other ' +
      'containers of the Pod. End it if it hangs or is not an elector. Another process of the Pod then takes its place.',
  ],
  [
    'unsettled work beside a kept Lease',
    workNotDrained(false),
    'The promise of onElected has not settled in time. The Lease is kept. No other process of this Pod campaigns ' +
      'before the promise settles or this process ends. End this process.',
  ],
  ['a stuck release without a known refusal', releaseStuck(CONFIG, undefined), STUCK + TAKES_OVER],
  ['a stuck release', releaseStuck(CONFIG, 'it failed'), `${STUCK}: it failed${TAKES_OVER}`],
  [
    'a removed owner',
    ownerRemoved(CONFIG),
    'Lease shop/app has lost its owner (metadata.ownerReferences). Most likely an admission webhook or a person removed ' +
      'it. Without it a process that starts now cannot determine the holder. A leader writes it again, at most once a ' +
      'second. Exempt this Lease from the webhook.',
  ],
  [
    'an altered write',
    writeAltered(CONFIG, ['renewTime', 'acquireTime']),
    'Lease shop/app came back from a write with another value than was sent in renewTime, acquireTime. Most likely an ' +
      'admission webhook changes it. Exempt this Lease from the webhook.',
  ],
  [
    'a Lease that its finalizers keep',
    leaseTerminating(CONFIG, ['a', 'b']),
    'Lease shop/app is being deleted, but its finalizers keep it: a, b. No other Pod can be elected before it is gone. ' +
      'If no controller removes the finalizers, remove them: kubectl patch lease app -n shop --type=merge ' +
      `-p '{"metadata":{"finalizers":null}}'`,
  ],
  [
    'a twin',
    twinWarning(CONFIG),
    'Lease shop/app was written in the name of Pod app-1 (uid pod-1), but not by this process. Most likely two processes ' +
      'lead: a mirrored process, a cloned machine or a restored checkpoint has the same token. Until the writes stop, ' +
      'confirm() rejects and no leaderOnly job runs. End one of the processes. A person who edits renewTime causes the ' +
      'same warning.',
  ],
];

for (const [what, { message }, expected] of texts) {
  test(`the warning about ${what} says what is wrong and what to do`, () => assert.equal(message, expected));
}

const LATE_POD = "Until then this process sees the end of the leader's Pod late.";

/** How the end of each refusal is reported, and what the warning adds to the failure. */
const refusals: Readonly<Record<Refusable, { readonly accepted: string; readonly consequence: string | null }>> = {
  token: {
    accepted: 'The token is accepted again.',
    consequence:
      'A leader whose token is refused for 10 s stops leading until it is accepted. If the Pod still exists, check its ' +
      'ServiceAccount.',
  },
  'list leases': {
    accepted: '`list` on leases.coordination.k8s.io is accepted again.',
    consequence: null,
  },
  'watch leases': {
    accepted: '`watch` on leases.coordination.k8s.io is accepted again.',
    consequence: 'Until then this process sees changes of the Lease late.',
  },
  'get leases': {
    accepted: '`get` on leases.coordination.k8s.io is accepted again.',
    consequence: null,
  },
  'create leases': {
    accepted: '`create` on leases.coordination.k8s.io is accepted again.',
    consequence: null,
  },
  'update leases': {
    accepted: '`update` on leases.coordination.k8s.io is accepted again.',
    consequence: 'Until then the other Pods cannot see whether the leader hangs.',
  },
  'delete leases': {
    accepted: '`delete` on leases.coordination.k8s.io is accepted again.',
    consequence: 'Until then a successor waits for the garbage collector.',
  },
  'list pods': { accepted: '`list` on pods is accepted again.', consequence: LATE_POD },
  'watch pods': { accepted: '`watch` on pods is accepted again.', consequence: LATE_POD },
  'get pods': {
    accepted: '`get` on pods is accepted again.',
    consequence: 'Until then a successor must wait for the garbage collector.',
  },
};

for (const [what, { accepted, consequence }] of Object.entries(refusals) as [
  Refusable,
  (typeof refusals)[Refusable],
][]) {
  test(`the warning about a refusal of "${what}" states the consequence, and its end has its own text`, () => {
    const reported = 'it failed: forbidden';
    const expected = consequence === null ? reported : `${reported}. ${consequence}`;
    assert.equal(refused(what, failure('forbidden')).message, expected);
    assert.equal(acceptedAgain(what), accepted);
  });
}
