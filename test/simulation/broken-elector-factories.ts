/**
 * Makes broken electors: the library's elector with ports that return false data, or one that reports false data itself.
 */

import type { LeaseRecord, PodRecord } from '../../src/core/lease-record.ts';
import type { Answer, LeasePort, WatchPort, WatchSink } from '../../src/driver/ports.ts';
import type { Explanation, LeaseElectorOptions, Term } from '../../src/index.ts';
import type { ClusterPorts } from '../../src/kube/connect.ts';
import { LeaseElector } from '../../src/lease-elector.ts';
import type { SimulatedPod } from './simulated-pod.ts';
import type { ElectorFactory, SimulatedProcess } from './simulated-process.ts';

// --- False data from the ports

type PortLie = (ports: ClusterPorts, process: SimulatedProcess) => Partial<ClusterPorts>;

/** The library's elector, with ports that return false data. */
export function misled(lie: PortLie): ElectorFactory {
  return (options, runtime, process) =>
    new LeaseElector(options, {
      ...runtime,
      connect: async (connectOptions) => {
        const cluster = await runtime.connect(connectOptions);
        return {
          ...cluster,
          ports: (identity) => {
            const ports = cluster.ports(identity);
            return { ...ports, ...lie(ports, process) };
          },
        };
      },
    });
}

/** The answer to a read of a Pod that exists and runs. */
export function standing(name: string, uid: string): Answer<PodRecord> {
  return { ok: true, value: { name, uid, resourceVersion: '1', terminating: false } };
}

/** Some answers about the Lease are made up. */
export const misledByLease = (lie: (lease: LeasePort, pod: SimulatedPod) => Partial<LeasePort>): ElectorFactory =>
  misled(({ lease }, { pod }) => ({ lease: { ...lease, ...lie(lease, pod) } }));

/** Every Lease that is shown is altered; what was shown last is shown again every 5 s, since it may look different by then. */
export function misshown(change: (lease: LeaseRecord, process: SimulatedProcess) => LeaseRecord): ElectorFactory {
  return misled(({ lease, leaseWatch }, process) => {
    const alter = (shown: LeaseRecord): LeaseRecord => change(shown, process);
    return {
      lease: {
        ...lease,
        read: async () => {
          const answer = await lease.read();
          return answer.ok && answer.value !== null ? { ok: true, value: alter(answer.value) } : answer;
        },
      },
      leaseWatch: watchThrough(leaseWatch, (sink) => {
        let last: LeaseRecord | null = null;
        const again = (): void => {
          if (last !== null) sink.event({ type: 'modified', item: alter(last) });
          process.clock.setTimer(5_000, again);
        };
        again();
        return {
          ...sink,
          event: (event) => {
            last = 'item' in event && event.type !== 'deleted' ? event.item : null;
            sink.event('item' in event ? { ...event, item: alter(event.item) } : event);
          },
        };
      }),
    };
  });
}

export function watchThrough<Item>(
  port: WatchPort<Item>,
  wrap: (sink: WatchSink<Item>) => WatchSink<Item>,
): WatchPort<Item> {
  return {
    list: () => port.list(),
    open: (resourceVersion, timeoutSeconds, sink) => port.open(resourceVersion, timeoutSeconds, wrap(boundTo(sink))),
  };
}

/** A sink whose methods can be taken apart. */
export function boundTo<Item>(sink: WatchSink<Item>): WatchSink<Item> {
  return {
    opened: () => sink.opened(),
    event: (event) => sink.event(event),
    ended: (failure) => sink.ended(failure),
  };
}

export const never = <Value>(): Promise<Value> => new Promise(() => undefined);

/** From some moment on nothing is answered any more, and nothing shown. */
export function deafFrom(begins: (process: SimulatedProcess, failed: boolean) => boolean): ElectorFactory {
  return misled(({ lease, leaseWatch, pod, podWatch, close }, process) => {
    let deaf = false;
    const streams = new Set<{ close(): void }>();
    const hear = async <Value extends { readonly ok: boolean }>(ask: () => Promise<Value>): Promise<Value> => {
      if (deaf) return never();
      const answer = await ask();
      if (begins(process, !answer.ok)) {
        deaf = true;
        for (const stream of streams) stream.close();
      }
      return answer;
    };
    const watch = <Item>(port: WatchPort<Item>): WatchPort<Item> => ({
      list: () => hear(() => port.list()),
      open: (...options) => {
        const stream = deaf ? { close: () => undefined } : port.open(...options);
        streams.add(stream);
        return stream;
      },
    });
    return {
      lease: {
        read: () => hear(() => lease.read()),
        create: (content) => hear(() => lease.create(content)),
        replace: (before, content) => hear(() => lease.replace(before, content)),
        delete: (before) => hear(() => lease.delete(before)),
      },
      pod: { read: (name) => hear(() => pod.read(name)) },
      leaseWatch: watch(leaseWatch),
      podWatch: (name) => watch(podWatch(name)),
      close,
    };
  });
}

// --- False tongues

type Emit = (name: string, ...values: unknown[]) => boolean;

/** What the library's elector says is said differently. */
function speaking(
  change: (emit: Emit, name: string, values: unknown[], process: SimulatedProcess) => unknown,
): ElectorFactory {
  return (options, runtime, process) => {
    const elector = new LeaseElector(options, runtime);
    const honest = elector.emit.bind(elector) as Emit;
    const emit: Emit = (name, ...values) => {
      change(honest, name, values, process);
      return true;
    };
    return Object.assign(elector, { emit });
  };
}

export const repeating = (repeated: string): ElectorFactory =>
  speaking((emit, name, values) => {
    emit(name, ...values);
    if (name === repeated) emit(name, ...values);
  });

/** Keeps a warning to itself. */
export const concealing = (code: string): ElectorFactory =>
  speaking((emit, name, values) => {
    const isConcealed = name === 'warning' && (values[0] as { readonly code: string }).code === code;
    if (!isConcealed) emit(name, ...values);
  });

/** Confirms its term without asking. */
export const overconfident: ElectorFactory = (options, runtime) => {
  const elector = new LeaseElector(options, runtime);
  return Object.assign(elector, { confirm: () => Promise.resolve(elector.term) });
};

/** Says of every term something else; the same of the same. */
export const misstating = (change: (term: Term, process: SimulatedProcess) => Partial<Term>): ElectorFactory => {
  const stated = new Map<Term, Term>();
  return speaking((emit, name, [term, ...others], process) => {
    if (name !== 'elected' && name !== 'demoted') return emit(name, term, ...others);
    const claim = stated.get(term as Term) ?? { ...(term as Term), ...change(term as Term, process) };
    stated.set(term as Term, claim);
    return emit(name, claim, ...others);
  });
};

/** Goes on leading when its term has ended for this reason. */
export const clinging = (...reasons: string[]): ElectorFactory => {
  return (options, runtime, process) => {
    let kept: Term | undefined;
    const elector: LeaseElector = speaking((emit, name, values) => {
      if (name === 'demoted' && reasons.includes(String(values[1]))) kept = values[0] as Term;
      else emit(name, ...values);
    })(options, runtime, process);
    const { isLeader, term } = gettersOf(elector);
    Object.defineProperty(elector, 'isLeader', { get: () => kept !== undefined || isLeader() });
    Object.defineProperty(elector, 'term', { get: () => kept ?? term() });
    return elector;
  };
};

function gettersOf(elector: LeaseElector): { isLeader: () => boolean; term: () => Term | undefined } {
  const getter = (name: string) =>
    Object.getOwnPropertyDescriptor(LeaseElector.prototype, name)?.get?.bind(elector) as () => never;
  return { isLeader: getter('isLeader'), term: getter('term') };
}

/** Does something a moment after it has stopped. */
export const restless = (
  deed: (elector: LeaseElector, options: LeaseElectorOptions, term: Term) => void,
): ElectorFactory => {
  return (options, runtime, { clock }) => {
    const elector = new LeaseElector(options, runtime);
    let last: Term | null = null;
    elector.on('elected', (term) => {
      last = term;
    });
    elector.on('stopped', () => {
      const term = last;
      if (term !== null) clock.setTimer(500, () => deed(elector, options, term));
    });
    return elector;
  };
};

// --- Untrue sentences

/** Its `explain()` says this instead, with this reason, where there is something to say. */
export function misspeaking(
  message: (explanation: Explanation) => string | null,
  reason?: Explanation['reason'],
): ElectorFactory {
  return (options, runtime) => {
    const elector = new LeaseElector(options, runtime);
    const explain = elector.explain.bind(elector);
    elector.explain = (): Explanation => {
      const explanation = explain();
      const untruth = message(explanation);
      return untruth === null
        ? explanation
        : { ...explanation, message: untruth, reason: reason ?? explanation.reason };
    };
    return elector;
  };
}
