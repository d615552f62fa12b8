/**
 * Electors that are broken on purpose, each in one way, and the parameters that reveal the defect. A checker that never
 * fails checks nothing. `broken-elector-factories.ts` makes the electors.
 */

import type { PodReference } from '../../src/core/lease-record.ts';
import type { RequestFailure } from '../../src/core/request-failure.ts';
import type { Answer, WatchPort } from '../../src/driver/ports.ts';
import { LeaseElector } from '../../src/lease-elector.ts';
import {
  actingAfterStop,
  boundSink,
  confirmingWithoutRequest,
  existingPod,
  ignoringDemotion,
  never,
  repeatingEvent,
  unresponsiveFrom,
  watchThrough,
  withAlteredLease,
  withAlteredTerm,
  withLeasePort,
  withMessage,
  withoutWarning,
  withPorts,
} from './broken-elector-factories.ts';
import type { Violation } from './checkers.ts';
import { CALM } from './network-conditions.ts';
import type { SimulationParameters } from './parameters.ts';
import type { SimulatedPod } from './simulated-pod.ts';
import type { ElectorFactory } from './simulated-process.ts';

export interface BrokenElector {
  readonly defect: string;
  readonly make: ElectorFactory;
  /** The differences from `PLAIN` of `parameters.ts`. */
  readonly parameters: Partial<SimulationParameters>;
  /** The invariant that it must break. */
  readonly invariant: Violation['invariant'];
  /** The text of the violation. */
  readonly what: RegExp;
}

const SLOW = { ...CALM, latencyMs: 50 };

/** A reference to a Pod that does not exist. */
const NOBODY: PodReference = { name: 'nobody', uid: 'nobody' };

const REFUSAL: RequestFailure = {
  kind: 'unauthorized',
  message: '',
  retryAfterMs: null,
  missingRule: null,
  cause: null,
};

const firstTokens = new WeakMap<SimulatedPod, bigint>();

export const BROKEN_ELECTORS: readonly BrokenElector[] = [
  // --- Two leaders
  {
    defect: 'campaigns beside its sibling',
    make: (options, runtime, { clock }) =>
      new LeaseElector(options, {
        ...runtime,
        siblingLock: () => ({
          claim: (outcome) => void clock.setTimer(0, () => outcome('held')),
          free: () => undefined,
        }),
      }),
    parameters: { siblings: 1 },
    invariant: 1,
    what: /writes to the Lease, although it does not hold the lock of its Pod/,
  },
  {
    defect: 'continues to lead although it has observed that its Pod is gone',
    make: ignoringDemotion('pod-deleted', 'unauthorized'),
    parameters: { faults: ['Pod deleted by force'] },
    invariant: 1,
    what: /lead at the same time/,
  },
  {
    defect: 'continues to lead although it has observed that the Lease belongs to another Pod',
    make: ignoringDemotion('usurped'),
    parameters: { faults: ['Lease edited by hand'] },
    invariant: 1,
    what: /lead at the same time/,
  },
  {
    defect: 'receives no more answers while it leads',
    make: unresponsiveFrom(({ elector }) => elector.isLeader),
    parameters: { faults: ['Pod deleted by force'], ghostsLiveMs: 600_000 },
    invariant: 1,
    what: /leads long after the faults are over, although its Pod does not hold the Lease/,
  },
  {
    defect: 'releases the Lease while its work still runs',
    make: (options, runtime) =>
      new LeaseElector(
        { ...options, onElected: (term) => void Promise.resolve(options.onElected?.(term)).catch(() => undefined) },
        runtime,
      ),
    parameters: { faults: ['Pod deleted', 'leader steps down'], disobedience: 0.5 },
    invariant: 1,
    what: /the work of .* overlaps/,
  },

  {
    defect: 'does not warn of its twin',
    make: withoutWarning('twin'),
    parameters: { faults: ['process mirrored'], faultyForMs: 120_000 },
    invariant: 1,
    what: /does not report its twin/,
  },
  {
    defect: 'confirms its term beside its twin',
    make: confirmingWithoutRequest,
    parameters: { faults: ['process mirrored'], faultyForMs: 120_000 },
    invariant: 1,
    what: /acts as the leader although it warned of its twin/,
  },

  // --- A Pod that is gone or being deleted
  {
    defect: 'campaigns without a read of its own Pod',
    make: withPorts(({ pod }, process) => ({
      pod: {
        read: async (podName) => {
          const { name, uid } = process.pod;
          const campaigns = process.observations.lastOwner?.uid !== uid;
          return podName === name && campaigns ? existingPod(name, uid) : pod.read(podName);
        },
      },
    })),
    parameters: { faults: ['Pod deleted by force'], faultEveryMs: 500, pods: 5, ghostsLiveMs: 600_000 },
    invariant: 2,
    what: /creates the Lease without a read of its own Pod, which is gone/,
  },
  {
    defect: 'resumes its term without a read of its own Pod',
    make: withPorts(({ pod }, process) => ({
      pod: {
        read: async (podName) => {
          const { name, uid } = process.pod;
          const resumes = process.observations.lastOwner?.uid === uid && !process.elector.isLeader;
          return podName === name && resumes ? existingPod(name, uid) : pod.read(podName);
        },
      },
    })),
    parameters: {
      faults: ['Pod deleted by force', 'container crashes'],
      faultEveryMs: 500,
      ghostsLiveMs: 600_000,
      siblings: 1,
      conditions: SLOW,
    },
    invariant: 2,
    what: /begins a term without a read of its own Pod, which is gone/,
  },
  {
    defect: 'campaigns although its own Pod is being deleted',
    make: withPorts(({ pod }) => ({
      pod: {
        read: async (name) => {
          const answer = await pod.read(name);
          if (!answer.ok || answer.value === null) return answer;
          return { ok: true, value: { ...answer.value, terminating: false } };
        },
      },
    })),
    parameters: { faults: ['Pod deleted', 'leader steps down'], disobedience: 1, faultEveryMs: 1_000 },
    invariant: 2,
    what: /campaigns although it has observed that its own Pod is being deleted/,
  },

  // --- Leadership that moves without a reason
  {
    defect: 'treats every other Pod as gone',
    make: withPorts(({ pod, podWatch }, process) => ({
      pod: { read: async (name) => (name === process.pod.name ? pod.read(name) : { ok: true, value: null }) },
      podWatch: (name) => ({ ...podWatch(name), list: () => never() }),
    })),
    parameters: { faults: ['watches cut'] },
    invariant: 2,
    what: /deletes the Lease, which .* holds/,
  },
  {
    defect: 'takes over a Lease that was not renewed',
    make: withAlteredLease((lease, { clock, pod }) => {
      const silentMs = clock.wallMs() - (lease.renewTimeMs ?? Number.POSITIVE_INFINITY);
      const expired = silentMs > (lease.leaseDurationSeconds ?? 0) * 1_000 && lease.owner?.uid !== pod.uid;
      return expired ? { ...lease, releasedBy: lease.owner?.uid ?? null } : lease;
    }),
    parameters: { faults: ['process pauses'], faultEveryMs: 1_000, faultyForMs: 120_000 },
    invariant: 2,
    what: /deletes the Lease, which .* holds/,
  },
  {
    defect: 'deletes any Lease without preconditions',
    make: withLeasePort((lease) => ({
      delete: async (before) => {
        const found = await lease.read();
        return lease.delete(found.ok && found.value !== null ? found.value : before);
      },
    })),
    parameters: { faults: ['Pod deleted by force'], conditions: { ...CALM, jitterMs: 500 }, pods: 5 },
    invariant: 2,
    what: /deletes the Lease, which .* holds/,
  },
  {
    defect: 'overwrites any Lease without preconditions',
    make: withLeasePort((lease) => ({
      replace: async (before, content) => {
        const found = await lease.read();
        return lease.replace(found.ok && found.value !== null ? found.value : before, content);
      },
    })),
    parameters: { faults: ['Lease edited by hand'], conditions: { ...CALM, watchLagMs: 2_000 } },
    invariant: 2,
    what: /overwrites the Lease, which .* holds/,
  },
  {
    defect: 'takes over by PUT',
    make: withLeasePort((lease) => ({
      create: async (content) => {
        const answer = await lease.create(content);
        if (answer.ok || answer.failure.kind !== 'alreadyExists') return answer;
        const found = await lease.read();
        return found.ok && found.value !== null ? lease.replace(found.value, content) : answer;
      },
    })),
    parameters: { faults: ['Pod deleted by force'], conditions: SLOW, pods: 5 },
    invariant: 2,
    what: /overwrites the Lease, which .* holds/,
  },
  {
    defect: 'renews a Lease that is gone',
    make: withLeasePort((lease) => ({
      replace: (before, content) => lease.replace({ ...before, uid: '', resourceVersion: '' }, content),
    })),
    parameters: { faults: ['Lease deleted by hand'], faultEveryMs: 500, conditions: SLOW, pods: 2 },
    invariant: 2,
    what: /re-creates a deleted Lease by a PUT/,
  },
  {
    defect: 'forgets the holder of a Lease that was deleted',
    make: withPorts(({ leaseWatch }) => ({
      leaseWatch: watchThrough(leaseWatch, (sink) => ({
        ...sink,
        event: (event) => {
          if (event.type === 'deleted') {
            sink.event({ type: 'modified', item: { ...event.item, releasedBy: event.item.owner?.uid ?? null } });
          }
          sink.event(event);
        },
      })),
    })),
    parameters: { faults: ['Lease deleted by hand'], conditions: SLOW },
    invariant: 2,
    what: /creates the Lease, which .* holds/,
  },
  {
    defect: 'does not wait for the duration of a Lease that no Pod owns',
    make: withAlteredLease((lease) => (lease.owner === null ? { ...lease, leaseDurationSeconds: 1 } : lease)),
    parameters: { expiringElectors: 1 },
    invariant: 2,
    what: /deletes the Lease, which expiring-\d+ holds/,
  },
  {
    defect: 'treats a lost election as won',
    make: withLeasePort((lease, pod) => ({
      create: async (content) => {
        const answer = await lease.create(content);
        if (answer.ok || answer.failure.kind !== 'alreadyExists') return answer;
        const found = await lease.read();
        return found.ok && found.value !== null ? { ok: true, value: { ...found.value, owner: pod } } : answer;
      },
    })),
    parameters: { faults: ['Pod deleted by force'], conditions: SLOW, pods: 5 },
    invariant: 2,
    what: /leads by version \d+ of the Lease, which its Pod does not own/,
  },
  {
    defect: 'clears holderIdentity when it releases the Lease',
    make: withLeasePort((lease) => ({
      replace: (before, content) =>
        lease.replace(before, content.releasedBy === null ? content : { ...content, holderIdentity: null }),
    })),
    parameters: { faults: ['leader steps down'] },
    invariant: 2,
    what: /writes a Lease without a holderIdentity/,
  },

  // --- A term that ends without a reason
  {
    defect: 'treats its own Lease as the Lease of another Pod',
    make: withAlteredLease((lease, { elector }) => (elector.isLeader ? { ...lease, owner: NOBODY } : lease)),
    parameters: {},
    invariant: 2,
    what: /is demoted \(usurped\), although no other process took its Lease/,
  },
  {
    defect: 'treats its own Pod as gone',
    make: withPorts(({ podWatch }, { pod: { uid } }) => ({
      podWatch: (name) =>
        watchThrough(podWatch(name), (sink) => ({
          ...sink,
          event: (event) =>
            sink.event(event.type === 'modified' && event.item.uid === uid ? { ...event, type: 'deleted' } : event),
        })),
    })),
    parameters: { faults: ['Pod deleted'], disobedience: 1 },
    invariant: 2,
    what: /is demoted \(pod-deleted\), although it has not observed that its Pod is gone/,
  },
  {
    defect: 'treats its token as refused',
    make: withPorts(({ lease }, process) => {
      const refused = async <Value>(send: () => Promise<Answer<Value>>): Promise<Answer<Value>> =>
        process.elector.isLeader ? { ok: false, failure: REFUSAL } : send();
      return {
        lease: {
          ...lease,
          read: () => refused(() => lease.read()),
          replace: (before, content) => refused(() => lease.replace(before, content)),
        },
      };
    }),
    parameters: {},
    invariant: 2,
    what: /is demoted \(unauthorized\), although its token was not refused/,
  },

  // --- Tokens that do not grow
  {
    defect: 'reports the token of its first term for each later term',
    make: withAlteredTerm(({ fencingToken }, { pod }) => {
      const first = firstTokens.get(pod) ?? fencingToken;
      firstTokens.set(pod, first);
      return { fencingToken: first };
    }),
    parameters: { faults: ['leader steps down'], pods: 2 },
    invariant: 3,
    what: /has the token \d+ after \d+/,
  },

  // --- Events that must not happen
  {
    defect: 'is elected twice',
    make: repeatingEvent('elected'),
    parameters: {},
    invariant: 4,
    what: /is elected twice without a demotion/,
  },
  {
    defect: 'is demoted twice',
    make: repeatingEvent('demoted'),
    parameters: { faults: ['leader steps down'] },
    invariant: 4,
    what: /is demoted from a term that it was not elected for/,
  },
  {
    defect: 'is demoted before its signal is aborted',
    make: withAlteredTerm(() => ({ signal: new AbortController().signal })),
    parameters: { faults: ['leader steps down'] },
    invariant: 4,
    what: /is demoted before term.signal is aborted/,
  },
  {
    defect: 'emits an event after it has stopped',
    make: actingAfterStop((elector) => elector.emit('leaderChanged', null)),
    parameters: { faults: ['elector stopped'] },
    invariant: 4,
    what: /emits leaderChanged after stop\(\) has resolved/,
  },
  {
    defect: 'calls onElected after it has stopped',
    make: actingAfterStop((_elector, { onElected }, term) => onElected?.(term)),
    parameters: { faults: ['elector stopped'] },
    invariant: 4,
    what: /calls onElected after stop\(\) has resolved/,
  },

  // --- No leader
  {
    defect: 'never campaigns',
    make: withLeasePort(() => ({ create: () => never() })),
    parameters: {},
    invariant: 5,
    what: /nobody leads long after the faults are over/,
  },
  {
    defect: 'never takes over',
    make: withLeasePort((lease) => ({
      create: (content) => (content.leaseTransitions === 0 ? lease.create(content) : never()),
    })),
    parameters: {},
    invariant: 5,
    what: /nobody leads long after the holder was deleted/,
  },
  {
    defect: 'stops after the first error',
    make: unresponsiveFrom((_process, failed) => failed),
    parameters: { conditions: { ...CALM, errorAnswer: 0.5 } },
    invariant: 5,
    what: /nobody leads (long after the faults are over|3000 ms after the return)/,
  },
  {
    defect: 'waits for half a minute after an error',
    make: withPorts(({ leaseWatch, podWatch }, { clock }) => {
      const delayed = <Item>(port: WatchPort<Item>): WatchPort<Item> => ({
        list: async () => {
          const answer = await port.list();
          if (!answer.ok) await new Promise<void>((resolve) => void clock.setTimer(30_000, resolve));
          return answer;
        },
        open: (resourceVersion, timeoutSeconds, sink) =>
          port.open(resourceVersion, timeoutSeconds, {
            ...boundSink(sink),
            ended: (failure) => void clock.setTimer(failure === null ? 0 : 30_000, () => sink.ended(failure)),
          }),
      });
      return { leaseWatch: delayed(leaseWatch), podWatch: (name) => delayed(podWatch(name)) };
    }),
    parameters: {},
    invariant: 5,
    what: /nobody leads 3000 ms after the return of the API server/,
  },

  // --- Too many requests
  {
    defect: 'renews again at once after each renewal',
    make: withLeasePort((lease) => ({
      replace: async (before, content) => {
        let answer = await lease.replace(before, content);
        for (let again = 0; again < 1_000 && answer.ok; again += 1) answer = await lease.replace(answer.value, content);
        return answer;
      },
    })),
    parameters: {},
    invariant: 5,
    what: /has sent \d+ requests within a second/,
  },

  // --- False explanations
  {
    defect: 'explains that all is well although the node of the leader is lost',
    make: withMessage(({ reason }) => (reason === 'holder-terminating' ? 'Pod web-1 leads, and all is well.' : null)),
    parameters: { faults: ['node lost'], faultEveryMs: 10_000, faultyForMs: 120_000 },
    invariant: 6,
    what: /explains "Pod web-1 leads, and all is well\.", but (no live process leads|the Lease is not renewed)/,
  },
  {
    defect: 'explains that nobody leads although a process leads',
    make: withMessage(({ reason }) => (reason === 'following' ? 'Nobody leads.' : null)),
    parameters: { faultyForMs: 120_000 },
    invariant: 6,
    what: /explains "Nobody leads\." \(following\), but a live process leads/,
  },
  {
    defect: 'does not explain that it leads',
    make: withMessage(({ reason }) => (reason === 'leading' ? 'Somebody leads.' : null), 'following'),
    parameters: {},
    invariant: 6,
    what: /explains "Somebody leads\.", but leads/,
  },
];
