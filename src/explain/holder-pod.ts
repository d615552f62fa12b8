/**
 * What there is to say of the holder's Pod: it is being deleted, has ended, has lost its node, or is not ready.
 *
 * No duration is counted from a time in the Pod's object, which is by the clock of another machine.
 */

import { isNotReady } from '../core/diagnostics.ts';
import { hasStopped, isFinalPhase, type PodRecord, type PodReport } from '../core/lease-record.ts';
import { confirmedSilenceMs } from '../core/observation.ts';
import type { ExplainInput, ReasonDetails, RunningInput } from './explanation.ts';
import { endOfLife, kubectlDelete, leaseOf, seconds } from './wording.ts';

/** Deletes the object without asking the kubelet whether anything of the Pod still runs. */
const FORCE = ' --force --grace-period=0';

/**
 * So many milliseconds after its grace period has passed here, a Pod is not overdue yet: the kubelet takes seconds to end
 * the containers, and to report it.
 */
const DELETION_SLACK_MS = 60_000;

/** Where the grace period is not reported, one that few Pods exceed is assumed, in milliseconds. */
const ASSUMED_GRACE_MS = 600_000;

const FORCE_CAUTION =
  'Make sure first that the node is shut down or cannot come back: this does not wait for the process, which may still ' +
  'run where the API server cannot reach it, and two would work at once until it learns of its end.';

/** The holder's Pod as last seen; `null` when it was not seen, or is gone by now. */
export function podSeen({ election, diagnostics }: ExplainInput): PodRecord | null {
  const knownHolder = election?.knowledge.knownHolder;
  const { holderPod } = diagnostics;
  if (holderPod === null || holderPod.uid !== knownHolder?.pod.uid) return null;
  // One that has stopped counts as gone, perhaps, but is there to be looked at.
  return knownHolder.liveness === 'gone' && !hasStopped(holderPod) ? null : holderPod;
}

/** What is wrong with the holder's Pod, whether it leads or not; `null` when nothing is. */
export function podInTrouble(input: RunningInput, pod: PodRecord): ReasonDetails | null {
  const { report } = pod;
  if (pod.terminating) return terminating(input, pod);
  if (report === undefined) return null;
  if (isFinalPhase(report.phase)) return ended(input, pod, report);
  return isNodeLost(input, report) ? nodeLost(input, pod, report) : null;
}

function terminating(input: RunningInput, pod: PodRecord): ReasonDetails {
  const { config } = input.election;
  const { report } = pod;
  const graceMs = report?.gracePeriodMs ?? ASSUMED_GRACE_MS;
  const seenForMs = input.nowMs - (input.diagnostics.sightings.terminating?.atMs ?? input.nowMs);
  const lost = report !== undefined && isNodeLost(input, report);
  const overdue = seenForMs > graceMs + (lost ? 0 : DELETION_SLACK_MS);
  const details = {
    reason: 'holder-terminating',
    sinceMs: report?.terminatingSinceMs ?? null,
    endsWhen: 'the kubelet has ended the Pod and its object is gone, or it gives the Lease up',
  } as const;
  const what = `Pod ${pod.name} is being deleted and leads until it is gone`;
  if (overdue && report?.containersTerminated === true) {
    return {
      ...details,
      message: `${what}; its containers have ended, so look at its metadata.finalizers for what keeps it.`,
      endsWhen: 'its finalizers are removed',
    };
  }
  if (overdue) {
    const late = `was seen to begin ${seconds(seenForMs)} ago, and its grace period has passed`;
    const why = lost ? `${nodeOf(report)} is lost; the deletion ${late}` : `the deletion ${late}`;
    return {
      ...details,
      message: `${what}, but ${why}. Repair or remove the node. To delete the Pod by force is the last resort.`,
      command: kubectlDelete('pod', pod.name, config.namespace, FORCE),
      caution: FORCE_CAUTION,
    };
  }
  const node = lost ? `, and ${nodeOf(report)} is lost: repair or remove the node, or` : ':';
  return { ...details, message: `${what}${node} ${remainingGrace(report, graceMs - seenForMs)}.` };
}

function remainingGrace(report: PodReport | undefined, remainingMs: number): string {
  if (report?.gracePeriodMs == null) return 'wait';
  return remainingMs > 0
    ? `wait until its grace period is over, in ${seconds(remainingMs)} at the latest`
    : 'wait for the kubelet, since its grace period is over';
}

function ended(input: RunningInput, pod: PodRecord, report: PodReport): ReasonDetails {
  const { config, knowledge } = input.election;
  const { containersTerminated } = report;
  const failed = report.phase === 'Failed';
  const how = `${failed ? 'has failed' : 'has finished'}${report.reason === null ? '' : ` (${report.reason})`}`;
  const details = {
    reason: failed ? 'holder-failed' : 'holder-succeeded',
    sinceMs: report.ready === false ? report.readyChangedAtMs : null,
    command: kubectlDelete('pod', pod.name, config.namespace),
    // The API server asks no kubelet before it deletes a Pod in a final phase.
    caution: containersTerminated ? null : FORCE_CAUTION,
  } as const;
  if (knowledge.knownHolder?.liveness === 'gone') {
    return {
      ...details,
      message: `Pod ${pod.name} ${how}, but its Lease may not be deleted here: grant \`delete\` on leases.coordination.k8s.io, or delete the Pod.`,
      endsWhen: 'the Pod is deleted, or the permission is granted',
    };
  }
  const what = `Pod ${pod.name} ${how} and holds the Lease as long as it exists`;
  if (containersTerminated) return { ...details, message: `${what}: delete it.`, endsWhen: 'the Pod is deleted' };
  const waits = config.succession === 'pod-stopped';
  return {
    ...details,
    message: `${what}, and not all of its containers are reported to have ended: make sure that they have, then delete it.`,
    endsWhen: waits ? 'all of its containers are reported as terminated, or it is deleted' : 'the Pod is deleted',
  };
}

/** The node itself says more than its Pods, but only the command reads it. */
function isNodeLost(input: RunningInput, report: PodReport): boolean {
  return isReportedLost(input) || seemsNodeLost(report);
}

function isReportedLost({ holderNode }: RunningInput): boolean {
  return holderNode?.ready === 'False' || holderNode?.ready === 'Unknown';
}

/**
 * Without permission to read Nodes: the control plane sets `Ready` to false on the Pods of a node that it has lost, and
 * leaves `ContainersReady` as the kubelet wrote it. Readiness gates make the same pattern, with a reason of their own.
 */
function seemsNodeLost({ phase, reason, ready, containersReady, readyReason }: PodReport): boolean {
  if (phase === 'Unknown' || reason === 'NodeLost') return true;
  return ready === false && containersReady === true && readyReason !== 'ReadinessGatesNotReady';
}

function nodeOf({ nodeName }: PodReport): string {
  return nodeName === null ? 'its node' : `its node ${nodeName}`;
}

function nodeLost(input: RunningInput, pod: PodRecord, report: PodReport): ReasonDetails {
  const { config } = input.election;
  return {
    reason: 'holder-node-not-ready',
    message:
      `Pod ${pod.name} leads, but the control plane has lost ${nodeOf(report)}, and its process may still run there. ` +
      'Repair or remove the node, or delete the Pod, which then goes when the node is back or removed.',
    sinceMs: (isReportedLost(input) ? input.holderNode?.readyChangedAtMs : null) ?? report.readyChangedAtMs,
    endsWhen: `the node comes back, or ${endOfLife(config)}`,
    command: kubectlDelete('pod', pod.name, config.namespace),
  };
}

/** That the Pod of a leader is not ready, or a container of it cannot be started; `null` when neither is so. */
export function notReady(input: RunningInput, pod: PodRecord): ReasonDetails | null {
  const { election, diagnostics } = input;
  const { config, knowledge } = election;
  const { report } = pod;
  if (report === undefined || !(isNotReady(pod) || report.waiting !== null)) return null;
  const notReadyForMs = input.nowMs - (diagnostics.sightings.notReadySinceMs ?? input.nowMs);
  const silentForMs = confirmedSilenceMs(knowledge);
  // A process that hangs answers no probe either: what came first is the reason.
  if (report.waiting === null && silentForMs !== null && silentForMs > notReadyForMs) return null;
  const { renewedAtMs } = knowledge.observation ?? { renewedAtMs: null };
  const renewals =
    silentForMs !== null
      ? `, and it has not renewed ${leaseOf(config)} for ${seconds(silentForMs)}`
      : renewedAtMs === null
        ? ''
        : `, although it renewed ${leaseOf(config)} ${seconds(input.nowMs - renewedAtMs)} ago`;
  const { name } = pod;
  const { namespace } = config;
  return {
    reason: 'holder-not-ready',
    message: `Pod ${name} leads, but ${whyNotReady(report)}${renewals}. It stays the leader. Look at its events and its log.`,
    sinceMs: report.readyChangedAtMs,
    endsWhen: `its containers run and it is Ready, or ${endOfLife(config)}`,
    command: kubectlDelete('pod', name, namespace),
    caution:
      silentForMs === null && renewedAtMs !== null
        ? `Make sure first that its work can be interrupted: its process still renews ${leaseOf(config)}.`
        : null,
  };
}

function whyNotReady({ waiting, phase, readyReason }: PodReport): string {
  if (waiting !== null) return `its container ${waiting.container} waits (${waiting.reason})`;
  if (phase === 'Pending') return 'its containers have not all been started yet';
  return `it is not Ready${readyReason === null ? '' : ` (${readyReason})`}`;
}
