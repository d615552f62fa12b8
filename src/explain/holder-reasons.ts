/**
 * Explains why this process must wait for a Lease: the condition of its holder, and the event that would end the wait.
 *
 * `holder-pod.ts` describes the holder's Pod.
 */

import { isReleased, type PodReference } from '../core/lease-record.ts';
import { confirmedSilenceMs } from '../core/observation.ts';
import type { Refusable } from '../core/refusal.ts';
import type { HeldBecause } from '../core/verdict.ts';
import { EMPTY_LEASE_MS, holderOf, UNREADABLE_HOLDER_GRACE_MS } from '../core/verdict.ts';
import type { ReasonDetails, RunningInput } from './explanation.ts';
import { notReady, podInTrouble, podSeen } from './holder-pod.ts';
import { POD_READS, refusalAmong } from './refused-request.ts';
import { at, endOfLife, kubectlDelete, leaseOf, seconds } from './wording.ts';

/**
 * After this many milliseconds the garbage collector is late: it needs up to a minute after an outage of the API server
 * (DESIGN, section 12).
 */
const COLLECTOR_PATIENCE_MS = 90_000;

/** Explains why a candidate waits, with a Lease or without one. */
export function explainHeld(input: RunningInput, because: HeldBecause, recheckAtMs: number | null): ReasonDetails {
  const { config, knowledge } = input.election;
  const lease = knowledge.observation?.lease ?? null;
  const holder =
    lease === null ? (knowledge.knownHolder?.pod ?? null) : holderOf(lease, knowledge.knownHolder, config.self);
  if (because === 'terminating' && lease !== null) return leaseTerminating(input, lease.finalizers);
  if (holder === null) return foreign(input, because, recheckAtMs);
  if (lease !== null && isReleased(lease)) return notDeletable(input, holder);
  const pod = podSeen(input);
  const trouble = pod === null ? null : podInTrouble(input, pod);
  if (trouble !== null) return trouble;
  switch (because) {
    case 'collector':
      return waitingForCollector(input, holder);
    case 'holder-restores':
      return missing(input, holder);
    case 'pod-exists':
      return (pod === null ? null : notReady(input, pod)) ?? silent(input, holder) ?? following(input, holder);
    default:
      return silent(input, holder) ?? unknownHolder(input, holder);
  }
}

function notDeletable({ election: { config } }: RunningInput, holder: PodReference): ReasonDetails {
  const isSelf = holder.uid === config.self.uid;
  const until = isSelf ? '' : ', or wait until that Pod is gone';
  return {
    reason: 'released-not-deletable',
    message:
      `Nobody leads: Pod ${holder.name} released ${leaseOf(config)}, but ${config.self.name} is not allowed to delete it. ` +
      `Grant \`delete\` on leases.coordination.k8s.io${until}.`,
    endsWhen: 'that Pod is gone or withdraws the release, or the permission is granted',
  };
}

/** The time that the garbage collector needs is unknown. A finalizer or a webhook may also keep it from deleting. */
function waitingForCollector(input: RunningInput, holder: PodReference): ReasonDetails {
  const { config } = input.election;
  const { goneSinceMs } = input.diagnostics.sightings;
  const forMs = input.nowMs - (goneSinceMs ?? input.nowMs);
  const what = `Nobody leads: Pod ${holder.name} is gone, and ${config.self.name} is not allowed to delete ${leaseOf(config)}`;
  const grant = 'Grant `delete` on leases.coordination.k8s.io';
  const details = {
    reason: 'waiting-for-collector',
    sinceMs: toWallMs(input, goneSinceMs ?? undefined),
    endsWhen: 'the garbage collector deletes the Lease, or the permission is granted',
  } as const;
  if (forMs < COLLECTOR_PATIENCE_MS) {
    return { ...details, message: `${what}. ${grant}, or wait for the garbage collector.` };
  }
  return {
    ...details,
    message:
      `${what}. The garbage collector has left the Lease for ${seconds(forMs)}: it does not run, or its request is ` +
      `refused. ${grant}, or delete the Lease.`,
    command: kubectlDelete('lease', config.leaseName, config.namespace),
    caution: `Make sure first that no process of Pod ${holder.name} still runs, on a lost node for example.`,
  };
}

function leaseTerminating({ election: { config } }: RunningInput, finalizers: readonly string[]): ReasonDetails {
  const { namespace, leaseName } = config;
  const what = `Nobody leads: ${leaseOf(config)} is being deleted`;
  if (finalizers.length === 0) {
    return { reason: 'lease-terminating', message: `${what}: wait.`, endsWhen: 'the Lease is gone' };
  }
  return {
    reason: 'lease-terminating',
    message: `${what}, but its finalizers keep it: ${finalizers.join(', ')}.`,
    endsWhen: 'the finalizers are removed, and the Lease is gone',
    command: `kubectl patch lease ${leaseName} -n ${namespace} --type=merge -p '{"metadata":{"finalizers":null}}'`,
    caution: 'Make sure first that the task of each finalizer is done, or is not needed.',
  };
}

function foreign(input: RunningInput, because: HeldBecause, recheckAtMs: number | null): ReasonDetails {
  const { config, knowledge } = input.election;
  const { namespace, leaseName } = config;
  const lease = knowledge.observation?.lease;
  const name = lease?.holderIdentity || null;
  const whose = `${leaseOf(config)} ${describeForeign(name, config.self)}`;
  const sinceMs = toWallMs(input, knowledge.observation?.sinceMs);
  if (because === 'foreign' && recheckAtMs !== null) {
    const durationMs = (lease?.leaseDurationSeconds ?? EMPTY_LEASE_MS / 1000) * 1000;
    return {
      reason: 'foreign-lease',
      message: `${whose}. It counts as held until it has been unchanged for ${seconds(durationMs)}.`,
      sinceMs,
      endsWhen: `the Lease stays unchanged until ${at(toWallMs(input, recheckAtMs))}, or is deleted`,
    };
  }
  const why =
    because === 'collector'
      ? `It has not changed for its duration, but ${config.self.name} is not allowed to delete it`
      : 'It has no leaseDurationSeconds, so its end cannot be determined';
  return {
    reason: 'foreign-lease',
    message: `${whose}. ${why}: an administrator must delete it.`,
    sinceMs,
    endsWhen: 'the Lease is deleted',
    command: kubectlDelete('lease', leaseName, namespace),
    caution: `Make sure first that ${absenceToProve(name, config.self)}.`,
  };
}

/**
 * Describes the holder of a Lease that no Pod owns. The name of this Pod proves nothing: an earlier Pod may have had
 * that name.
 */
function describeForeign(name: string | null, self: PodReference): string {
  if (name === null) return 'is empty: no Pod owns it, and it names no holder';
  if (name === self.name) {
    return `has the name of this Pod (${name}) as its holder, but no Pod owns it: its owner was removed, or another program wrote it`;
  }
  return `names "${name}" as its holder, and no Pod owns it`;
}

function absenceToProve(name: string | null, self: PodReference): string {
  if (name === null) return 'no other program uses it';
  return name === self.name
    ? `no other process leads under the name ${name}; this process does not lead`
    : `"${name}" no longer leads`;
}

function missing(input: RunningInput, holder: PodReference): ReasonDetails {
  const { config, knowledge } = input.election;
  const missingSinceMs = knowledge.observation?.sinceMs ?? input.nowMs;
  const forMs = input.nowMs - missingSinceMs;
  // A running process restores the Lease within a round trip.
  const dead = forMs >= UNREADABLE_HOLDER_GRACE_MS;
  const isAlive = knowledge.knownHolder?.liveness === 'alive';
  const exists = isAlive ? 'exists' : 'may still exist';
  const what = `${leaseOf(config)} is missing, but Pod ${holder.name}, which held it, ${exists}`;
  return {
    reason: 'lease-missing',
    message: dead
      ? `${what} and has not restored it for ${seconds(forMs)}, so its process has most likely ended, hangs, or cannot reach the API server: restart it, or delete that Pod.`
      : `${what}${isAlive ? ' and restores it immediately' : ', and then restores it'}: wait.`,
    sinceMs: toWallMs(input, missingSinceMs),
    endsWhen: `that Pod restores the Lease, or ${endOfLife(config)}`,
    command: dead ? kubectlDelete('pod', holder.name, config.namespace) : null,
  };
}

/**
 * Uses the same knowledge as the event `stale`, so a gap in the observations of this process is not reported as a
 * silence of the holder.
 */
function silent(input: RunningInput, holder: PodReference): ReasonDetails | null {
  const { config, knowledge } = input.election;
  const { observation } = knowledge;
  const lease = observation?.lease;
  if (observation == null || lease == null || lease.leaseDurationSeconds === null) return null;
  const { renewedAtMs } = observation;
  if (renewedAtMs === null) return null;
  const silentForMs = confirmedSilenceMs(knowledge);
  if (silentForMs !== null) {
    return {
      reason: 'holder-silent',
      message:
        `Pod ${holder.name} leads but has not renewed ${leaseOf(config)} for ${seconds(silentForMs)}: it hangs, has ended, ` +
        'cannot reach the API server, or is not allowed to renew. It stays the leader; if it does not recover, delete it.',
      sinceMs: toWallMs(input, renewedAtMs),
      endsWhen: `it renews, or ${endOfLife(config)}`,
      command: kubectlDelete('pod', holder.name, config.namespace),
    };
  }
  const unheardForMs = input.nowMs - renewedAtMs;
  if (unheardForMs < lease.leaseDurationSeconds * 1000) return null;
  return {
    reason: 'following',
    message:
      `Pod ${holder.name} leads, as far as this process knows. This process has received no renewal of ${leaseOf(config)} for ` +
      `${seconds(unheardForMs)}, and is reading the Lease: wait.`,
    sinceMs: lease.acquireTimeMs,
    endsWhen: `the API server answers, ${endOfLife(config)}, or it releases the Lease`,
  };
}

function unknownHolder(input: RunningInput, holder: PodReference): ReasonDetails {
  const { config, knowledge } = input.election;
  const refusal = refusalAmong(input, POD_READS);
  if (knowledge.permissions.canReadPods && refusal !== undefined) {
    return {
      reason: 'holder-unknown',
      message:
        `Pod ${holder.name} holds ${leaseOf(config)}. It is unknown whether that Pod exists. ${config.self.name} repeats a ` +
        `request that was refused: ${refusal.message}`,
      sinceMs: knowledge.observation?.lease?.acquireTimeMs ?? null,
      endsWhen: 'the permission is granted, or its Lease is gone',
    };
  }
  const why = knowledge.permissions.canReadPods
    ? 'it is unknown whether that Pod exists: wait for an answer of the API server'
    : `${config.self.name} is not allowed to read Pods, so the end of that Pod is visible only when its Lease is deleted: grant \`get\`, \`list\` and \`watch\` on pods`;
  return {
    reason: 'holder-unknown',
    message: `Pod ${holder.name} holds ${leaseOf(config)}; ${why}.`,
    sinceMs: knowledge.observation?.lease?.acquireTimeMs ?? null,
    endsWhen: knowledge.permissions.canReadPods
      ? 'the API server answers'
      : 'its Lease is gone, or the permission is granted',
  };
}

/** The requests of watches. Without them a process only reads at intervals. */
const WATCHES: readonly Refusable[] = ['list leases', 'watch leases', 'list pods', 'watch pods'];

/**
 * Reports "all is well" only if the leader renews, and neither its Lease nor the watches of this process have a known
 * problem.
 */
function following(input: RunningInput, holder: PodReference): ReasonDetails {
  const { config, knowledge } = input.election;
  const lease = knowledge.observation?.lease ?? null;
  const details = {
    reason: 'following',
    sinceMs: lease?.acquireTimeMs ?? null,
    endsWhen: `${endOfLife(config)}, or it releases the Lease`,
  } as const;
  if (lease?.terminating === true && lease.finalizers.length > 0) {
    return {
      ...details,
      message:
        `Pod ${holder.name} leads, but ${leaseOf(config)} is being deleted and its finalizers keep it: ` +
        `${lease.finalizers.join(', ')}. No other Pod can be elected until they are removed.`,
    };
  }
  const named = lease?.holderIdentity || null;
  if (named !== null && named !== holder.name) {
    return {
      ...details,
      message:
        `Pod ${holder.name} owns ${leaseOf(config)} and so leads, but the Lease names "${named}" as its holder. Another ` +
        'program writes it, and may also lead: give that program another Lease.',
    };
  }
  if (lease?.owner === null) {
    return {
      ...details,
      message:
        `Pod ${holder.name} leads, but ${leaseOf(config)} has lost its owner, so a process that starts now cannot determine the ` +
        'holder. The leader writes the owner again if its Pod may `update` the Lease. If the owner is removed again, exempt ' +
        'the Lease from the webhook that removes it.',
    };
  }
  const refusal = refusalAmong(input, WATCHES);
  if (refusal !== undefined) {
    return {
      ...details,
      message: `Pod ${holder.name} leads, but this process sees changes late, because it cannot watch: ${refusal.message}`,
    };
  }
  const renews = lease !== null && lease.renewTimeMs !== null && lease.leaseDurationSeconds !== null;
  return {
    ...details,
    message: renews
      ? `Pod ${holder.name} leads, and all is well: there is nothing to do.`
      : `Pod ${holder.name} leads. It does not renew ${leaseOf(config)}, so the other Pods cannot see whether its process hangs.`,
  };
}

/** Converts a moment of the monotonic clock to the wall clock. */
function toWallMs({ nowMs, wallMs }: RunningInput, momentMs: number | undefined): number | null {
  return momentMs === undefined ? null : wallMs - (nowMs - momentMs);
}
