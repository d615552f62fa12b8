/**
 * An election without a cluster: a Lease in this process' memory, for a developer's machine (the option `local`).
 *
 * Everything else runs as it would in a cluster, so that an application behaves the same.
 */

import { hostname } from 'node:os';
import type { LeaseContent, LeaseRecord, PodRecord, PodReference } from '../core/lease-record.ts';
import type { Answer, Ports, WatchPort } from '../driver/ports.ts';
import type { Identity } from '../kube/identity.ts';
import type { LocalRole, PodOptions } from '../options.ts';
import type { Clock } from '../runtime/clock.ts';
import { randomUuid, systemRandom } from '../runtime/random.ts';

/** The identity of this process when there is no Pod. */
export function localIdentity(pod: PodOptions | undefined, lease: string | undefined): Identity {
  return {
    pod: { name: pod?.name ?? hostname(), uid: pod?.uid ?? randomUuid(systemRandom) },
    namespace: pod?.namespace ?? 'local',
    lease: lease ?? 'local',
  };
}

/** The Pod that holds the Lease while a local candidate waits. It never ends, so the candidate never leads. */
const OTHER_POD: PodRecord = { name: 'local-leader', uid: 'local-leader', resourceVersion: '1', terminating: false };

/** Revisions are microseconds of the wall clock: no process writes that often. */
const REVISIONS_PER_MS = 1_000;

/**
 * The ports of a process without a cluster.
 *
 * Revisions, and so the fencing tokens, grow with the wall clock. So a database that rejects a token smaller than the
 * largest it has seen accepts the next process of the same machine.
 */
export function localPorts(self: PodReference, role: LocalRole, clock: Pick<Clock, 'wallMs'>): Ports {
  let revision = 0;
  let lease: LeaseRecord | null = role === 'candidate' ? leaseOfOther(clock.wallMs()) : null;
  const pods: readonly PodRecord[] = [{ ...self, resourceVersion: '1', terminating: false }, OTHER_POD];

  function write(content: LeaseContent, uid: string): Promise<Answer<LeaseRecord>> {
    revision = Math.max(revision + 1, Math.floor(clock.wallMs() * REVISIONS_PER_MS));
    lease = { ...content, uid, resourceVersion: String(revision), terminating: false, finalizers: [], source: null };
    return succeed(lease);
  }

  return {
    lease: {
      read: () => succeed(lease),
      create: (content) => write(content, randomUuid(systemRandom)),
      replace: (before, content) => write(content, before.uid),
      delete: () => {
        lease = null;
        return succeed(null);
      },
    },
    pod: { read: (name) => succeed(pods.find((pod) => pod.name === name) ?? null) },
    leaseWatch: silentWatch(() => (lease === null ? [] : [lease])),
    podWatch: (name) => silentWatch(() => pods.filter((pod) => pod.name === name)),
    siblingLock: { claim: (outcome) => outcome('held'), free: () => undefined },
    close: () => undefined,
  };
}

/** The Lease is not renewed and has no duration, so its silence does not look like a leader that hangs. */
function leaseOfOther(acquireTimeMs: number): LeaseRecord {
  const { name, uid } = OTHER_POD;
  return {
    holderIdentity: name,
    owner: { name, uid },
    acquireTimeMs,
    renewTimeMs: null,
    leaseDurationSeconds: null,
    leaseTransitions: 0,
    releasedBy: null,
    uid: 'local-lease',
    resourceVersion: '1',
    terminating: false,
    finalizers: [],
    source: null,
  };
}

/** No other process writes the Lease, so the watch has no events. */
function silentWatch<Item>(items: () => readonly Item[]): WatchPort<Item> {
  return {
    list: () => succeed({ items: items(), resourceVersion: '1' }),
    open: () => ({ close: () => undefined }),
  };
}

function succeed<Value>(value: Value): Promise<Answer<Value>> {
  return Promise.resolve({ ok: true, value });
}
