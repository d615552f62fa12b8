/**
 * Converts a V1Pod into a PodReport: the few fields of a Pod's status and metadata that show its condition.
 *
 * The core decides what follows from them. The object itself is not kept.
 */

import type { PodReport, WaitingContainer } from '../core/lease-record.ts';
import { isObject } from '../runtime/object-kind.ts';
import type { ApiObject } from './api-object.ts';
import { parseMicroTime, stringOrNull, timeOrNull } from './lease-mapping.ts';

/**
 * Reads the report about a Pod; `null` when the object has no status. A field that cannot be parsed counts as
 * missing.
 */
export function readPodReport({ metadata, spec, status }: ApiObject): PodReport | null {
  if (status === null) return null;
  const conditions = objectsOf(status['conditions']);
  const ready = conditions.find(({ type }) => type === 'Ready');
  const deletionTimestampMs = parseMicroTime(metadata.rest['deletionTimestamp']);
  const graceSeconds = metadata.rest['deletionGracePeriodSeconds'];
  return {
    phase: stringOrNull(status['phase']),
    reason: stringOrNull(status['reason']),
    nodeName: stringOrNull(spec['nodeName']),
    containersReady: readStatus(conditions.find(({ type }) => type === 'ContainersReady')),
    ready: readStatus(ready),
    readyReason: stringOrNull(ready?.['reason']),
    readyChangedAtMs: parseMicroTime(ready?.['lastTransitionTime']),
    containersTerminated: areAllTerminated(spec, status),
    waiting: readWaiting(status),
    terminatingSinceMs: terminatingSinceMs(deletionTimestampMs, graceSeconds),
    deletionTimestampMs,
    gracePeriodMs: typeof graceSeconds === 'number' && graceSeconds >= 0 ? graceSeconds * 1000 : null,
  };
}

/** The reasons of a healthy container that waits to be started. */
const STARTS: ReadonlySet<unknown> = new Set(['ContainerCreating', 'PodInitializing']);

/** The first container that waits for another reason than its start. */
function readWaiting(status: Readonly<Record<string, unknown>>): WaitingContainer | null {
  for (const { name, state } of CONTAINERS.flatMap(([, statuses]) => objectsOf(status[statuses]))) {
    const waiting = isObject(state) && isObject(state['waiting']) ? state['waiting'] : null;
    const reason = stringOrNull(waiting?.['reason']);
    if (typeof name === 'string' && reason !== null && !STARTS.has(reason)) return { container: name, reason };
  }
  return null;
}

/** The API server sets the `deletionTimestamp` to the moment of the request plus the grace period. */
function terminatingSinceMs(deletionTimestampMs: number | null, graceSeconds: unknown): number | null {
  if (deletionTimestampMs === null || typeof graceSeconds !== 'number') return deletionTimestampMs;
  return timeOrNull(deletionTimestampMs - graceSeconds * 1000) ?? deletionTimestampMs;
}

/** The fields of a Pod that list its containers, and the fields that list their statuses. */
const CONTAINERS = [
  ['containers', 'containerStatuses'],
  ['initContainers', 'initContainerStatuses'],
  ['ephemeralContainers', 'ephemeralContainerStatuses'],
] as const;

/**
 * Whether every container of the Pod is reported as terminated. All kinds of containers count: an init container can be
 * a sidecar that runs as long as the Pod, and an elector can run in a debug container. A container without a report
 * does not count as terminated: the Pod was rejected, or its node never reported.
 */
function areAllTerminated(spec: Readonly<Record<string, unknown>>, status: Readonly<Record<string, unknown>>): boolean {
  if (objectsOf(spec['containers']).length === 0) return false;
  return CONTAINERS.every(([containers, statuses]) => {
    // A list that cannot be parsed is not an empty list.
    if (!isListOfObjects(spec[containers]) || !isListOfObjects(status[statuses])) return false;
    const reported = objectsOf(status[statuses]);
    const names = new Set(reported.map(({ name }) => name));
    return (
      reported.every(isTerminated) &&
      objectsOf(spec[containers]).every(({ name }) => typeof name === 'string' && names.has(name))
    );
  });
}

function isTerminated({ state }: Readonly<Record<string, unknown>>): boolean {
  return isObject(state) && isObject(state['terminated']);
}

function readStatus(condition: Readonly<Record<string, unknown>> | undefined): boolean | null {
  if (condition?.['status'] === 'True') return true;
  return condition?.['status'] === 'False' ? false : null;
}

function objectsOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isListOfObjects(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.every(isObject));
}
