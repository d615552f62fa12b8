/**
 * What there is to say of a Lease that this process must leave alone: how its holder fares, and what would end it.
 */

import {
  hasStopped,
  isFinalPhase,
  isReleased,
  type PodRecord,
  type PodReference,
  type PodReport,
} from '../core/lease-record.ts';
import type { HeldBecause } from '../core/verdict.ts';
import { EMPTY_LEASE_MS, holderOf, UNREADABLE_INCUMBENT_GRACE_MS } from '../core/verdict.ts';
import type { Account, Circumstances, Scene } from './explanation.ts';
import { at, endOfLife, kubectlDelete, leaseOf, seconds } from './wording.ts';

/** Deletes the object without asking the kubelet whether anything of the Pod still runs. */
const FORCE = ' --force --grace-period=0';

/**
 * So long after its deletionTimestamp a Pod is not overdue yet: that is a time of the API server's clock, which may be
 * ahead of this one's or behind it, and the kubelet takes seconds to end the containers, and to report it.
 */
const DELETION_SLACK_MS = 60_000;

const FORCE_CAUTION =
  'Make sure first that the node is shut down or cannot come back: this does not wait for the process, which may still ' +
  'run where the API server cannot reach it, and two would work at once until it learns of its end.';

/** The holder's Pod as last seen; `null` when it was not seen, or is gone by now. */
export function podSeen({ election, news }: Circumstances): PodRecord | null {
  const incumbent = election?.knowledge.incumbent;
  const { holderPod } = news;
  if (holderPod === null || holderPod.uid !== incumbent?.pod.uid) return null;
  // One that has stopped counts as gone, perhaps, but is there to be looked at.
  return incumbent.fate === 'gone' && !hasStopped(holderPod) ? null : holderPod;
}

/** Why the Lease, or its absence, is left alone. */
export function explainHeld(scene: Scene, because: HeldBecause, recheckAtMs: number | null): Account {
  const { config, knowledge } = scene.election;
  const lease = knowledge.observation?.lease ?? null;
  const holder =
    lease === null ? (knowledge.incumbent?.pod ?? null) : holderOf(lease, knowledge.incumbent, config.self);
  if (because === 'terminating' && lease !== null) return leaseTerminating(scene, lease.finalizers);
  if (holder === null) return foreign(scene, because, recheckAtMs);
  if (lease !== null && isReleased(lease)) {
    return {
      reason: 'released-not-deletable',
      message:
        `Nobody leads: Pod ${holder.name} gave ${leaseOf(config)} up, but it may not be deleted here; grant \`delete\` on ` +
        'leases.coordination.k8s.io, or wait until that Pod is gone.',
      endsWhen: 'that Pod is gone or takes the Lease back, or the permission is granted',
    };
  }
  const pod = podSeen(scene);
  const trouble = pod === null ? null : podInTrouble(scene, pod);
  if (trouble !== null) return trouble;
  switch (because) {
    case 'collector':
      return {
        reason: 'waiting-for-collector',
        message:
          `Nobody leads: Pod ${holder.name} is gone, and ${leaseOf(config)} may not be deleted here, so wait for the garbage ` +
          'collector, or grant `delete` on leases.coordination.k8s.io.',
        sinceMs: null,
        endsWhen: 'the garbage collector deletes the Lease, usually within seconds',
      };
    case 'incumbent-restores':
      return missing(scene, holder);
    default:
      return silent(scene, holder) ?? following(scene, holder, because);
  }
}

function leaseTerminating({ election: { config } }: Scene, finalizers: readonly string[]): Account {
  const { namespace, leaseName } = config;
  return {
    reason: 'lease-terminating',
    message: `Nobody leads: ${leaseOf(config)} is being deleted, but its finalizers keep it: ${finalizers.join(', ')}.`,
    endsWhen: 'the finalizers are removed, and the Lease is gone',
    command: `kubectl patch lease ${leaseName} -n ${namespace} --type=merge -p '{"metadata":{"finalizers":null}}'`,
    caution: 'Make sure first that what the finalizers wait for is done, or is not needed.',
  };
}

function foreign(scene: Scene, because: HeldBecause, recheckAtMs: number | null): Account {
  const { config, knowledge } = scene.election;
  const { namespace, leaseName } = config;
  const lease = knowledge.observation?.lease;
  const name = lease?.holderIdentity || null;
  const whose = `${leaseOf(config)} ${describeForeign(name, config.self)}`;
  const sinceMs = toWallMs(scene, knowledge.observation?.sinceMs);
  if (because === 'foreign' && recheckAtMs !== null) {
    return {
      reason: 'foreign-lease',
      message: `${whose}: it counts as held until it has not changed for ${seconds((lease?.leaseDurationSeconds ?? EMPTY_LEASE_MS / 1000) * 1000)}.`,
      sinceMs,
      endsWhen: `the Lease has not changed until ${at(toWallMs(scene, recheckAtMs))}, or is deleted`,
    };
  }
  const why = because === 'collector' ? 'has not changed for its duration' : 'has no leaseDurationSeconds';
  return {
    reason: 'foreign-lease',
    message: `${whose}, and ${why}: it is left to an administrator to delete it.`,
    sinceMs,
    endsWhen: 'the Lease is deleted',
    command: kubectlDelete('lease', leaseName, namespace),
    caution: `Make sure first that ${name === null ? 'nobody leads with it' : `"${name}" no longer leads`}.`,
  };
}

/** What is known of a Lease without an owner. */
function describeForeign(name: string | null, self: PodReference): string {
  if (name === null) return 'is empty: no Pod owns it, and it names no holder';
  // A backup that was restored without owners, or an owner taken away by hand, before this process started.
  if (name === self.name) return 'names this Pod as its holder but has lost its owner, as after a restored backup';
  return `is held by "${name}" and owned by no Pod`;
}

/** What is wrong with the holder's Pod, if anything is. */
function podInTrouble(scene: Scene, pod: PodRecord): Account | null {
  const { report } = pod;
  if (pod.terminating) return terminating(scene, pod);
  if (report === undefined) return null;
  if (isFinalPhase(report.phase)) return ended(scene, pod, report);
  return isNodeLost(report) ? nodeLost(scene, pod, report) : null;
}

function terminating(scene: Scene, pod: PodRecord): Account {
  const { config } = scene.election;
  const { report } = pod;
  const dueMs = report?.deletionTimestampMs ?? null;
  const lost = report !== undefined && isNodeLost(report);
  const overdue = dueMs !== null && scene.wallMs > dueMs + DELETION_SLACK_MS;
  const account = {
    reason: 'holder-terminating',
    sinceMs: report?.terminatingSinceMs ?? null,
    endsWhen: 'the kubelet has ended the Pod and its object is gone, or it gives the Lease up',
  } as const;
  const what = `Pod ${pod.name} is being deleted and leads until it is gone`;
  if (overdue && report?.containersTerminated === true) {
    return {
      ...account,
      message: `${what}; its containers have ended, so look at its metadata.finalizers for what keeps it.`,
      endsWhen: 'its finalizers are removed',
    };
  }
  if (overdue || lost) {
    const why = lost ? `${nodeOf(report)} is lost` : `it was due to be gone at ${at(dueMs)}`;
    return {
      ...account,
      message: `${what}, but ${why}: mend or remove the node; deleting the Pod by force is the last resort.`,
      command: kubectlDelete('pod', pod.name, config.namespace, FORCE),
      caution: FORCE_CAUTION,
    };
  }
  return { ...account, message: `${what}${dueMs === null ? '' : `, which is due by ${at(dueMs)}`}: wait.` };
}

function ended(scene: Scene, pod: PodRecord, report: PodReport): Account {
  const { config, knowledge } = scene.election;
  const { containersTerminated } = report;
  const failed = report.phase === 'Failed';
  const how = `${failed ? 'has failed' : 'has finished'}${report.reason === null ? '' : ` (${report.reason})`}`;
  const account = {
    reason: failed ? 'holder-failed' : 'holder-succeeded',
    sinceMs: report.ready === false ? report.readyChangedAtMs : null,
    command: kubectlDelete('pod', pod.name, config.namespace),
    // The API server asks no kubelet before it deletes a Pod in a final phase.
    caution: containersTerminated ? null : FORCE_CAUTION,
  } as const;
  if (knowledge.incumbent?.fate === 'gone') {
    return {
      ...account,
      message: `Pod ${pod.name} ${how}, but its Lease may not be deleted here: grant \`delete\` on leases.coordination.k8s.io, or delete the Pod.`,
      endsWhen: 'the Pod is deleted, or the permission is granted',
    };
  }
  const what = `Pod ${pod.name} ${how} and holds the Lease as long as it exists`;
  if (containersTerminated) return { ...account, message: `${what}: delete it.`, endsWhen: 'the Pod is deleted' };
  const waits = config.succession === 'pod-stopped';
  return {
    ...account,
    message: `${what}, and not all of its containers are reported to have ended: make sure that they have, then delete it.`,
    endsWhen: waits ? 'all of its containers are reported as terminated, or it is deleted' : 'the Pod is deleted',
  };
}

/**
 * Without permission to read Nodes: the control plane sets `Ready` to false on the Pods of a node that it has lost, and
 * leaves `ContainersReady` as the kubelet wrote it. Readiness gates make the same pattern, with a reason of their own.
 */
function isNodeLost({ phase, reason, ready, containersReady, readyReason }: PodReport): boolean {
  if (phase === 'Unknown' || reason === 'NodeLost') return true;
  return ready === false && containersReady === true && readyReason !== 'ReadinessGatesNotReady';
}

function nodeOf({ nodeName }: PodReport): string {
  return nodeName === null ? 'its node' : `its node ${nodeName}`;
}

function nodeLost(scene: Scene, pod: PodRecord, report: PodReport): Account {
  const { config } = scene.election;
  return {
    reason: 'holder-node-not-ready',
    message:
      `Pod ${pod.name} leads, but the control plane has lost ${nodeOf(report)}: its process may run on, so ` +
      'mend or remove the node; deleting the Pod by force is the last resort.',
    sinceMs: report.readyChangedAtMs,
    endsWhen: `the node comes back, or ${endOfLife(config)}`,
    command: kubectlDelete('pod', pod.name, config.namespace, FORCE),
    caution: FORCE_CAUTION,
  };
}

function missing(scene: Scene, holder: PodReference): Account {
  const { config, knowledge } = scene.election;
  const missingSinceMs = knowledge.observation?.sinceMs ?? scene.nowMs;
  const forMs = scene.nowMs - missingSinceMs;
  // A process that runs restores it within a round trip.
  const dead = forMs >= UNREADABLE_INCUMBENT_GRACE_MS;
  const what = `${leaseOf(config)} is missing, but Pod ${holder.name}, which held it, exists`;
  return {
    reason: 'lease-missing',
    message: dead
      ? `${what} and has not restored it for ${seconds(forMs)}, so its process has most likely ended or hangs: restart it, or delete that Pod.`
      : `${what} and is about to restore it: wait.`,
    sinceMs: toWallMs(scene, missingSinceMs),
    endsWhen: `that Pod restores the Lease, or ${endOfLife(config)}`,
    command: dead ? kubectlDelete('pod', holder.name, config.namespace) : null,
  };
}

function silent(scene: Scene, holder: PodReference): Account | null {
  const { config, knowledge } = scene.election;
  const { observation } = knowledge;
  const lease = observation?.lease;
  if (observation == null || lease == null || lease.renewTimeMs === null || lease.leaseDurationSeconds === null)
    return null;
  const { renewedAtMs } = observation;
  if (renewedAtMs === null) return null;
  const unheardForMs = scene.nowMs - renewedAtMs;
  if (unheardForMs < lease.leaseDurationSeconds * 1000) return null;
  // The event `stale` and this sentence follow the same rule: the API server has answered since the silence was due.
  // Without that answer the leader may have renewed unheard: this process stood still, or its connections are dead.
  if (knowledge.silenceAnnouncedMs !== renewedAtMs) {
    return {
      reason: 'following',
      message:
        `Pod ${holder.name} leads as far as is known: no renewal of ${leaseOf(config)} was heard of for ${seconds(unheardForMs)}, ` +
        'and whether there was one is about to be asked, so wait.',
      sinceMs: lease.acquireTimeMs,
      endsWhen: `the API server answers, ${endOfLife(config)}, or it gives the Lease up`,
    };
  }
  return {
    reason: 'holder-silent',
    message:
      `Pod ${holder.name} leads but has not renewed ${leaseOf(config)} for ${seconds(knowledge.verifiedAtMs - renewedAtMs)}: it hangs, has ended, or ` +
      'cannot reach the API server, and stays the leader; if it does not recover, delete it.',
    sinceMs: toWallMs(scene, renewedAtMs),
    endsWhen: `it renews, or ${endOfLife(config)}`,
    command: kubectlDelete('pod', holder.name, config.namespace),
  };
}

function following(scene: Scene, holder: PodReference, because: HeldBecause): Account {
  const { config, knowledge } = scene.election;
  const sinceMs = knowledge.observation?.lease?.acquireTimeMs ?? null;
  if (because === 'pod-unknown') {
    const why = knowledge.canReadPods
      ? 'it is being asked whether its Pod exists'
      : 'Pods may not be read here, so its end shows only when the garbage collector has deleted its Lease: grant `get`, `list` and `watch` on pods';
    return {
      reason: 'holder-unknown',
      message: `Pod ${holder.name} holds ${leaseOf(config)}; ${why}.`,
      sinceMs,
      endsWhen: knowledge.canReadPods ? 'the API server answers' : 'its Lease is gone, or the permission is granted',
    };
  }
  return {
    reason: 'following',
    message: `Pod ${holder.name} leads, and all is well: there is nothing to do.`,
    sinceMs,
    endsWhen: `${endOfLife(config)}, or it gives the Lease up`,
  };
}

/** A moment of the monotonic clock, by the wall clock. */
function toWallMs({ nowMs, wallMs }: Scene, momentMs: number | undefined): number | null {
  return momentMs === undefined ? null : wallMs - (nowMs - momentMs);
}
