/**
 * An election of one: a Lease in this process' memory, for a machine without a cluster (`local: true`).
 *
 * Everything else runs as it would in a cluster, so that an application behaves the same.
 */

import { hostname } from 'node:os';
import type { LeaseContent, LeaseRecord, PodRecord, PodReference } from '../core/lease-record.ts';
import type { Answer, Ports, WatchPort } from '../driver/ports.ts';
import type { Identity } from '../kube/identity.ts';
import type { PodOptions } from '../options.ts';
import { randomUuid, systemRandom } from '../runtime/random.ts';

/** Who this process is where there is no Pod. */
export function localIdentity(pod: PodOptions | undefined, lease: string | undefined): Identity {
  return {
    pod: { name: pod?.name ?? hostname(), uid: pod?.uid ?? randomUuid(systemRandom) },
    namespace: pod?.namespace ?? 'local',
    lease: lease ?? 'local',
  };
}

/** A world in which only this process exists. */
export function localPorts(self: PodReference): Ports {
  let revision = 1;
  let lease: LeaseRecord | null = null;
  const pod: PodRecord = { ...self, resourceVersion: '1', terminating: false };

  function write(content: LeaseContent, uid: string): Promise<Answer<LeaseRecord>> {
    revision += 1;
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
    pod: { read: () => succeed(pod) },
    leaseWatch: silentWatch(() => (lease === null ? [] : [lease])),
    podWatch: () => silentWatch(() => [pod]),
    siblingLock: { claim: (outcome) => outcome('held'), free: () => undefined },
    close: () => undefined,
  };
}

/** Nobody else writes, so nothing ever happens. */
function silentWatch<Item>(items: () => readonly Item[]): WatchPort<Item> {
  return {
    list: () => succeed({ items: items(), resourceVersion: '1' }),
    open: () => ({ close: () => undefined }),
  };
}

function succeed<Value>(value: Value): Promise<Answer<Value>> {
  return Promise.resolve({ ok: true, value });
}
