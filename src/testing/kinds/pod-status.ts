/**
 * The reports of a kubelet about a Pod's containers when they have ended, or have started again.
 */

import { type ApiObject, isJsonObject, type JsonObject } from '../objects/api-object.ts';

/** How the containers of a Pod ended, if they are not started again. */
export interface PodEnd {
  readonly phase: 'Succeeded' | 'Failed';
  readonly exitCode: number;
  /** The reason of the Pod, such as `Evicted`. */
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

function containersOf(pod: ApiObject): readonly JsonObject[] {
  const statuses = pod.status?.['containerStatuses'];
  return Array.isArray(statuses) ? statuses.filter(isJsonObject) : [];
}

function terminated(container: JsonObject, exitCode: number, now: string): JsonObject {
  const state = isJsonObject(container['state']) ? container['state'] : {};
  const running = isJsonObject(state['running']) ? state['running'] : {};
  const startedAt = running['startedAt'] ?? now;
  return { terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt, finishedAt: now } };
}

/** The status of a Pod whose containers have ended and are not started again. */
export function endedStatus(pod: ApiObject, end: PodEnd, now: string): JsonObject {
  const { phase, exitCode, reason, message } = end;
  const conditions = Array.isArray(pod.status?.['conditions']) ? pod.status['conditions'].filter(isJsonObject) : [];
  return {
    phase,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    conditions: conditions.map((condition) =>
      condition['type'] === 'Ready' ? { ...condition, status: 'False', lastTransitionTime: now } : condition,
    ),
    containerStatuses: containersOf(pod).map((container) => ({
      ...container,
      ready: false,
      started: false,
      state: terminated(container, exitCode, now),
    })),
  };
}

/** The status of a Pod whose containers have ended and run again. */
export function restartedStatus(pod: ApiObject, exitCode: number, now: string): JsonObject {
  return {
    containerStatuses: containersOf(pod).map((container) => ({
      ...container,
      restartCount: Number(container['restartCount'] ?? 0) + 1,
      lastState: terminated(container, exitCode, now),
      state: { running: { startedAt: now } },
    })),
  };
}
