/**
 * The texts of the warnings and of the failures that the core itself detects, in one place, so that one person can edit
 * all of them.
 *
 * Each warning names the object, the problem and its consequence, and what to do if a person must act. The rules decide
 * when to warn.
 */

import type { WarningCode } from './effect.ts';
import type { PodReference } from './lease-record.ts';
import type { Refusable } from './refusal.ts';
import type { RequestFailure } from './request-failure.ts';
import type { ElectionConfig } from './state.ts';

/** The code and the message of a `warning`. */
export interface Warning {
  readonly code: WarningCode;
  readonly message: string;
}

/** A Lease without owner and without duration counts as held. */
export function foreignLease(config: ElectionConfig): Warning {
  const { leaseName, namespace } = config;
  return {
    code: 'foreign-lease',
    message:
      `${titleOf(config)} has no owner and no leaseDurationSeconds, so its end cannot be determined. It counts as held ` +
      `until it is deleted. If it is no longer used: kubectl delete lease ${leaseName} -n ${namespace}`,
  };
}

/** The Pod of this process is being deleted. */
export function podTerminating(pod: PodReference): Warning {
  return {
    code: 'pod-terminating',
    message: `Pod ${pod.name} is being deleted, so this process no longer campaigns.`,
  };
}

/** The Pod of this process is gone. @param everSeen whether the API server has ever shown it to this process */
export function podDeleted({ self, succession }: ElectionConfig, everSeen: boolean): Warning {
  const pod = `Pod ${self.name} (uid ${self.uid}) ${succession === 'pod-stopped' ? 'has stopped, or ' : ''}`;
  const absence = everSeen
    ? `${pod}no longer exists.`
    : `${pod}does not exist, and the API server has never shown it to this process. Either it was gone before, or the ` +
      `uid is wrong (${WRONG_UIDS}).`;
  return {
    code: 'pod-deleted',
    message: `${absence} This process still runs, but it does not lead again. End this process.`,
  };
}

/** The Leases of this Pod are deleted soon after they are created. @param lives how many of them in a row */
export function podUnknown(config: ElectionConfig, lives: number): Warning {
  const { name, uid } = config.self;
  return {
    code: 'pod-unknown',
    message:
      `${titleOf(config)} was deleted ${lives} times in a row soon after it was created. The garbage collector does this ` +
      `when the owner does not exist. Most likely Pod ${name} (uid ${uid}) is gone, or its uid is wrong (${WRONG_UIDS}). ` +
      'This process does not campaign again. ' +
      `Compare the uid: kubectl get pod ${name} -n ${config.namespace} -o jsonpath={.metadata.uid}. If it differs, set ` +
      'the option `pod: { uid }` to it. If it is the same, find the program that deletes the Lease, and start a new process.',
  };
}

const WRONG_UIDS = 'mistyped, or that of a static Pod instead of its mirror Pod';

/** The bind of the socket that lets one process per Pod campaign was refused. @param errorCode of that bind */
export function siblingLockRefused(errorCode: string): Warning {
  return {
    code: 'sibling-lock-refused',
    message:
      `The abstract Unix socket of this Pod cannot be bound (${errorCode}), so another process of the Pod might lead. ` +
      'This process does not campaign until the bind succeeds. Permit abstract Unix sockets in the ' +
      "seccomp profile and in the AppArmor or SELinux policy of this process's container.",
  };
}

/** The platform has no abstract Unix sockets. */
export function siblingLockUnsupported(): Warning {
  return {
    code: 'sibling-lock-unsupported',
    message:
      'Abstract Unix sockets are not available on this platform, so two processes of one Pod might both lead. ' +
      'Make sure that only one process in each Pod starts an elector.',
  };
}

/**
 * The process that holds the socket of this Pod does not seem to campaign.
 * @param holder that process; `null`: it cannot be determined
 */
export function siblingLockHeld(
  { self }: ElectionConfig,
  silentForMs: number,
  holder: { readonly pid: number; readonly uid: number } | null,
): Warning {
  const which =
    holder === null
      ? 'cannot be seen from this container: look at the other containers of the Pod'
      : `has the process id ${holder.pid} and the user id ${holder.uid}`;
  return {
    code: 'sibling-lock-held',
    message:
      `Another process holds the socket that lets one process of Pod ${self.name} campaign, but is not known ` +
      `to campaign: no process of the Pod has led or renewed for ${silentForMs / 1000} s. It ${which}. ` +
      'End it if it hangs or is not an elector. Another process of the Pod then takes its place.',
  };
}

/** The work of a term has not ended in time. @param released whether the Lease is released nevertheless */
export function workNotDrained(released: boolean): Warning {
  return {
    code: 'work-not-drained',
    message: released
      ? 'The Lease is released although the promise of onElected has not settled in time.'
      : 'The promise of onElected has not settled in time. The Lease is kept. No other process of this Pod campaigns ' +
        'before the promise settles or this process ends. End this process.',
  };
}

/** A Lease is marked as released, and its deletion is refused. @param refusal the answer of the API server, if known */
export function releaseStuck(config: ElectionConfig, refusal: string | undefined): Warning {
  const { leaseName, namespace } = config;
  return {
    code: 'release-stuck',
    message:
      `${titleOf(config)} is marked as released, but this process could neither delete it nor withdraw the release` +
      `${refusal === undefined ? '' : `: ${refusal}`}. Another Pod takes over as soon as it can delete the Lease. To do it ` +
      `now: kubectl delete lease ${leaseName} -n ${namespace}`,
  };
}

/** The Lease has lost its owner. */
export function ownerRemoved(config: ElectionConfig): Warning {
  return {
    code: 'owner-removed',
    message:
      `${titleOf(config)} has lost its owner (metadata.ownerReferences). Most likely an admission webhook or a person ` +
      'removed it. Without it a process that starts now cannot determine the holder. A leader writes it again, ' +
      'at most once a second. Exempt this Lease from the webhook.',
  };
}

/** The answer to a write has other values than were sent. @param fields the fields that differ */
export function writeAltered(config: ElectionConfig, fields: readonly string[]): Warning {
  return {
    code: 'write-altered',
    message:
      `${titleOf(config)} came back from a write with another value than was sent in ` +
      `${fields.join(', ')}. Most likely an admission webhook changes it. Exempt this Lease from the webhook.`,
  };
}

/** The deletion of the Lease was accepted, and its finalizers keep it. */
export function leaseTerminating(config: ElectionConfig, finalizers: readonly string[]): Warning {
  const { leaseName, namespace } = config;
  return {
    code: 'lease-terminating',
    message:
      `${titleOf(config)} is being deleted, but its finalizers keep it: ${finalizers.join(', ')}. No ` +
      'other Pod can be elected before it is gone. If no controller removes the finalizers, remove them: ' +
      `kubectl patch lease ${leaseName} -n ${namespace} --type=merge -p '{"metadata":{"finalizers":null}}'`,
  };
}

/** Another process writes the Lease in the name of this Pod. */
export function twinWarning(config: ElectionConfig): Warning {
  const { name, uid } = config.self;
  return {
    code: 'twin',
    message:
      `${titleOf(config)} was written in the name of Pod ${name} (uid ${uid}), but not by this process. ` +
      'Most likely two processes lead: a mirrored process, a cloned machine or a restored checkpoint has the same token. ' +
      'Until the writes stop, confirm() rejects and no leaderOnly job runs. End one of the processes. ' +
      'A person who edits renewTime causes the same warning.',
  };
}

/** A refusal has lasted. */
export function refused(what: Refusable, failure: RequestFailure): Warning {
  const { code, consequence } = REFUSALS[what];
  return {
    code: failure.kind === 'rejected' ? 'request-rejected' : code,
    message: `${failure.message}${consequence === '' ? '' : `. ${consequence}`}`,
  };
}

/** The message of `refusal-over`. */
export function acceptedAgain(what: Refusable): string {
  return `${REFUSALS[what].title} is accepted again.`;
}

/** For each thing that can be refused: its name, the code of the warning, and what follows from the refusal. */
const REFUSALS: Readonly<Record<Refusable, { title: string; code: WarningCode; consequence: string }>> = {
  token: {
    title: 'The token',
    code: 'unauthorized',
    consequence:
      'A leader whose token is refused for 10 s stops leading until it is accepted. If the Pod still exists, check ' +
      'its ServiceAccount.',
  },
  'list leases': { title: '`list` on leases.coordination.k8s.io', code: 'read-forbidden', consequence: '' },
  'watch leases': {
    title: '`watch` on leases.coordination.k8s.io',
    code: 'read-forbidden',
    consequence: 'Until then this process sees changes of the Lease late.',
  },
  'get leases': { title: '`get` on leases.coordination.k8s.io', code: 'read-forbidden', consequence: '' },
  'create leases': { title: '`create` on leases.coordination.k8s.io', code: 'create-forbidden', consequence: '' },
  'update leases': {
    title: '`update` on leases.coordination.k8s.io',
    code: 'renew-forbidden',
    consequence: 'Until then the other Pods cannot see whether the leader hangs.',
  },
  'delete leases': {
    title: '`delete` on leases.coordination.k8s.io',
    code: 'delete-forbidden',
    consequence: 'Until then a successor waits for the garbage collector.',
  },
  'list pods': {
    title: '`list` on pods',
    code: 'pod-read-forbidden',
    consequence: "Until then this process sees the end of the leader's Pod late.",
  },
  'watch pods': {
    title: '`watch` on pods',
    code: 'pod-read-forbidden',
    consequence: "Until then this process sees the end of the leader's Pod late.",
  },
  'get pods': {
    title: '`get` on pods',
    code: 'pod-read-forbidden',
    consequence: 'Until then a successor must wait for the garbage collector.',
  },
};

/** The failure of a list in which several objects have the same name. */
export function duplicateNames(count: number): string {
  return `the list cannot be used: it has ${count} objects of one name. Check the proxies in front of the API server`;
}

/** The failure of a watch on which no message was received. */
export function silentWatch(silentForMs: number): string {
  return `no event or bookmark on the watch for ${silentForMs / 1000} s: the connection is considered dead`;
}

function titleOf({ namespace, leaseName }: ElectionConfig): string {
  return `Lease ${namespace}/${leaseName}`;
}
