/**
 * An election without a cluster: a Lease in the memory of this process, for a developer's machine (the option `local`).
 *
 * Everything else runs as in a cluster, so that an application behaves the same.
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

/** The Pod that holds the Lease for a local candidate. It never ends, so the candidate never leads. */
const OTHER_POD: PodRecord = { name: 'local-leader', uid: 'local-leader', resourceVersion: '1', terminating: false };

/** Revisions are microseconds of the wall clock, because no process writes more often. */
const REVISIONS_PER_MS = 1_000;

/**
 * The ports of a process without a cluster.
 *
 * Revisions, and therefore fencing tokens, grow with the wall clock. A database that rejects a token smaller than the
 * largest it has seen therefore accepts the next process of the same machine.
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

/**
 * The Lease for a local candidate. It has neither a renewal nor a duration, so its holder is not reported as hanging.
 */
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

/** A watch without events, because no other process writes the objects. */
function silentWatch<Item>(items: () => readonly Item[]): WatchPort<Item> {
  return {
    list: () => succeed({ items: items(), resourceVersion: '1' }),
    open: () => ({ close: () => undefined }),
  };
}

function succeed<Value>(value: Value): Promise<Answer<Value>> {
  return Promise.resolve({ ok: true, value });
}
