/**
 * Explains problems of the holder's Pod: it is being deleted, has ended, has lost its node, or is not ready.
 *
 * No duration is computed from a time in the Pod's object, because that time is by the clock of another machine.
 */

import { isNotReady } from '../core/diagnostics.ts';
import { hasStopped, isFinalPhase, type PodRecord, type PodReport } from '../core/lease-record.ts';
import { confirmedSilenceMs } from '../core/observation.ts';
import type { ExplainInput, ReasonDetails, RunningInput } from './explanation.ts';
import { endOfLife, kubectlDelete, leaseOf, seconds } from './wording.ts';

/** Deletes the object without waiting until the kubelet has ended the Pod. */
const FORCE = ' --force --grace-period=0';

/**
 * A deletion counts as overdue this many milliseconds after the grace period, by the clock of this process. The kubelet
 * takes seconds to end the containers and to report their end.
 */
const DELETION_SLACK_MS = 60_000;

/** The grace period that is assumed if none is reported, in milliseconds. Few Pods exceed it. */
const ASSUMED_GRACE_MS = 600_000;

const FORCE_CAUTION =
  'Make sure first that the node is shut down or cannot come back: this command does not wait for the process, which may ' +
  'still run where the API server cannot reach it. Then two processes would work until the old process detects that its Pod is gone.';

/** The holder's Pod as last seen; `null` when it was not seen, or is gone. */
export function podSeen({ election, diagnostics }: ExplainInput): PodRecord | null {
  const knownHolder = election?.knowledge.knownHolder;
  const { holderPod } = diagnostics;
  if (holderPod === null || holderPod.uid !== knownHolder?.pod.uid) return null;
  // A Pod that has stopped may count as gone, but its object still exists.
  return knownHolder.liveness === 'gone' && !hasStopped(holderPod) ? null : holderPod;
}

/** The problem of the holder's Pod, whether it leads or not; `null` when there is none. */
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
    endsWhen: 'the kubelet has ended the Pod and its object is gone, or it releases the Lease',
  } as const;
  const what = `Pod ${pod.name} is being deleted and leads until it is gone`;
  if (overdue && report?.containersTerminated === true) {
    return {
      ...details,
      message: `${what}; its containers have ended, so its finalizers keep it: look at its metadata.finalizers.`,
      endsWhen: 'its finalizers are removed',
    };
  }
  if (overdue) {
    const late = `was seen to begin ${seconds(seenForMs)} ago, and its grace period has passed`;
    const why = lost ? `${nodeOf(report)} is lost; the deletion ${late}` : `the deletion ${late}`;
    return {
      ...details,
      message: `${what}, but ${why}. Repair or remove the node. Delete the Pod by force only as a last resort.`,
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
    : 'wait for the kubelet, because its grace period is over';
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
    // The API server does not wait for the kubelet before it deletes a Pod in a final phase.
    caution: containersTerminated ? null : FORCE_CAUTION,
  } as const;
  if (knowledge.knownHolder?.liveness === 'gone') {
    return {
      ...details,
      message: `Pod ${pod.name} ${how}, but this process is not permitted to delete its Lease: grant \`delete\` on leases.coordination.k8s.io, or delete the Pod.`,
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

/** The Node object shows more than the Pods of the node, but only the command reads it. */
function isNodeLost(input: RunningInput, report: PodReport): boolean {
  return isReportedLost(input) || seemsNodeLost(report);
}

function isReportedLost({ holderNode }: RunningInput): boolean {
  return holderNode?.ready === 'False' || holderNode?.ready === 'Unknown';
}

/**
 * Needs no permission to read Nodes. The control plane sets `Ready` to false on the Pods of a node that it has lost,
 * and leaves `ContainersReady` as the kubelet wrote it. Readiness gates cause the same pattern, with a different
 * reason.
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
      'Repair or remove the node, or delete the Pod, whose object then disappears when the node is back or removed.',
    sinceMs: (isReportedLost(input) ? input.holderNode?.readyChangedAtMs : null) ?? report.readyChangedAtMs,
    endsWhen: `the node comes back, or ${endOfLife(config)}`,
    command: kubectlDelete('pod', pod.name, config.namespace),
  };
}

/** The details when the leader's Pod is not ready, or one of its containers cannot be started; `null` otherwise. */
export function notReady(input: RunningInput, pod: PodRecord): ReasonDetails | null {
  const { election, diagnostics } = input;
  const { config, knowledge } = election;
  const { report } = pod;
  if (report === undefined || !(isNotReady(pod) || report.waiting !== null)) return null;
  const notReadyForMs = input.nowMs - (diagnostics.sightings.notReadySinceMs ?? input.nowMs);
  const silentForMs = confirmedSilenceMs(knowledge);
  // A process that hangs does not answer probes either. The problem that began first is reported.
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
  if (isWithoutKubelet(report)) {
    // Without renewals, the problem is the process, and not its Pod.
    if (silentForMs !== null) return null;
    const renewal =
      renewedAtMs === null ? '' : ` It renewed ${leaseOf(config)} ${seconds(input.nowMs - renewedAtMs)} ago.`;
    return {
      reason: 'holder-not-ready',
      message:
        `Pod ${name} leads, although no kubelet has started its containers. This is normal with the embedded API server, ` +
        `where the process runs outside of its Pod: there is nothing to do.${renewal}`,
      endsWhen: `a kubelet starts its containers, or ${endOfLife(config)}`,
    };
  }
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

/** Whether no node was chosen, and no status of the containers is reported. Only a kubelet reports it. */
function isWithoutKubelet({ phase, nodeName, containersReady, waiting }: PodReport): boolean {
  return phase === 'Pending' && nodeName === null && containersReady === null && waiting === null;
}

function whyNotReady({ waiting, phase, readyReason }: PodReport): string {
  if (waiting !== null) return `its container ${waiting.container} waits (${waiting.reason})`;
  if (phase === 'Pending') return 'its containers have not all been started yet';
  return `it is not Ready${readyReason === null ? '' : ` (${readyReason})`}`;
}
