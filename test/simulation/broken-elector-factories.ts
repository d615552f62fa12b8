/**
 * Makes broken electors: the library's elector with ports that return false data, or with false events and
 * explanations.
 */

import type { LeaseRecord, PodRecord } from '../../src/core/lease-record.ts';
import type { Answer, LeasePort, WatchPort, WatchSink } from '../../src/driver/ports.ts';
import type { Explanation, LeaseElectorOptions, Term } from '../../src/index.ts';
import type { ClusterPorts } from '../../src/kube/connect.ts';
import { LeaseElector } from '../../src/lease-elector.ts';
import type { SimulatedPod } from './simulated-pod.ts';
import type { ElectorFactory, SimulatedProcess } from './simulated-process.ts';

// --- False data from the ports

type PortChange = (ports: ClusterPorts, process: SimulatedProcess) => Partial<ClusterPorts>;

/** The library's elector, with ports that return false data. */
export function withPorts(alter: PortChange): ElectorFactory {
  return (options, runtime, process) =>
    new LeaseElector(options, {
      ...runtime,
      connect: async (connectOptions) => {
        const cluster = await runtime.connect(connectOptions);
        return {
          ...cluster,
          ports: (identity) => {
            const ports = cluster.ports(identity);
            return { ...ports, ...alter(ports, process) };
          },
        };
      },
    });
}

/** The answer to a read of a Pod that exists and runs. */
export function existingPod(name: string, uid: string): Answer<PodRecord> {
  return { ok: true, value: { name, uid, resourceVersion: '1', terminating: false } };
}

/** The library's elector, with a Lease port that is partly replaced. */
export const withLeasePort = (alter: (lease: LeasePort, pod: SimulatedPod) => Partial<LeasePort>): ElectorFactory =>
  withPorts(({ lease }, { pod }) => ({ lease: { ...lease, ...alter(lease, pod) } }));

/**
 * The library's elector. Each Lease that it receives is altered. The last Lease is delivered again every 5 s, because
 * the alteration depends on the time and on the elector.
 */
export function withAlteredLease(
  change: (lease: LeaseRecord, process: SimulatedProcess) => LeaseRecord,
): ElectorFactory {
  return withPorts(({ lease, leaseWatch }, process) => {
    const alter = (received: LeaseRecord): LeaseRecord => change(received, process);
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
    open: (resourceVersion, timeoutSeconds, sink) => port.open(resourceVersion, timeoutSeconds, wrap(boundSink(sink))),
  };
}

/** A copy of a sink whose methods can be called without the sink. */
export function boundSink<Item>(sink: WatchSink<Item>): WatchSink<Item> {
  return {
    opened: () => sink.opened(),
    event: (event) => sink.event(event),
    ended: (failure) => sink.ended(failure),
  };
}

export const never = <Value>(): Promise<Value> => new Promise(() => undefined);

/** The library's elector. Its ports return no answers and no events from the moment at which `begins` returns true. */
export function unresponsiveFrom(begins: (process: SimulatedProcess, failed: boolean) => boolean): ElectorFactory {
  return withPorts(({ lease, leaseWatch, pod, podWatch, close }, process) => {
    let unresponsive = false;
    const streams = new Set<{ close(): void }>();
    const answerUnlessUnresponsive = async <Value extends { readonly ok: boolean }>(
      send: () => Promise<Value>,
    ): Promise<Value> => {
      if (unresponsive) return never();
      const answer = await send();
      if (begins(process, !answer.ok)) {
        unresponsive = true;
        for (const stream of streams) stream.close();
      }
      return answer;
    };
    const watch = <Item>(port: WatchPort<Item>): WatchPort<Item> => ({
      list: () => answerUnlessUnresponsive(() => port.list()),
      open: (...options) => {
        const stream = unresponsive ? { close: () => undefined } : port.open(...options);
        streams.add(stream);
        return stream;
      },
    });
    return {
      lease: {
        read: () => answerUnlessUnresponsive(() => lease.read()),
        create: (content) => answerUnlessUnresponsive(() => lease.create(content)),
        replace: (before, content) => answerUnlessUnresponsive(() => lease.replace(before, content)),
        delete: (before) => answerUnlessUnresponsive(() => lease.delete(before)),
      },
      pod: { read: (name) => answerUnlessUnresponsive(() => pod.read(name)) },
      leaseWatch: watch(leaseWatch),
      podWatch: (name) => watch(podWatch(name)),
      close,
    };
  });
}

// --- False events

type Emit = (name: string, ...values: unknown[]) => boolean;

/** The library's elector, with changed events. */
function withEvents(
  change: (emit: Emit, name: string, values: unknown[], process: SimulatedProcess) => unknown,
): ElectorFactory {
  return (options, runtime, process) => {
    const elector = new LeaseElector(options, runtime);
    const emitUnchanged = elector.emit.bind(elector) as Emit;
    const emit: Emit = (name, ...values) => {
      change(emitUnchanged, name, values, process);
      return true;
    };
    return Object.assign(elector, { emit });
  };
}

export const repeatingEvent = (repeated: string): ElectorFactory =>
  withEvents((emit, name, values) => {
    emit(name, ...values);
    if (name === repeated) emit(name, ...values);
  });

/** Does not emit a warning. */
export const withoutWarning = (code: string): ElectorFactory =>
  withEvents((emit, name, values) => {
    const isSuppressed = name === 'warning' && (values[0] as { readonly code: string }).code === code;
    if (!isSuppressed) emit(name, ...values);
  });

/** Confirms its term without a request. */
export const confirmingWithoutRequest: ElectorFactory = (options, runtime) => {
  const elector = new LeaseElector(options, runtime);
  return Object.assign(elector, { confirm: () => Promise.resolve(elector.term) });
};

/** Emits altered terms. Each term is altered once. */
export const withAlteredTerm = (change: (term: Term, process: SimulatedProcess) => Partial<Term>): ElectorFactory => {
  const alteredTerms = new Map<Term, Term>();
  return withEvents((emit, name, [term, ...others], process) => {
    if (name !== 'elected' && name !== 'demoted') return emit(name, term, ...others);
    const altered = alteredTerms.get(term as Term) ?? { ...(term as Term), ...change(term as Term, process) };
    alteredTerms.set(term as Term, altered);
    return emit(name, altered, ...others);
  });
};

/** Continues to lead when its term has ended for one of these reasons. */
export const ignoringDemotion = (...reasons: string[]): ElectorFactory => {
  return (options, runtime, process) => {
    let kept: Term | undefined;
    const elector: LeaseElector = withEvents((emit, name, values) => {
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

/** Half a second after the elector has stopped, calls `action` with its last term. */
export const actingAfterStop = (
  action: (elector: LeaseElector, options: LeaseElectorOptions, term: Term) => void,
): ElectorFactory => {
  return (options, runtime, { clock }) => {
    const elector = new LeaseElector(options, runtime);
    let last: Term | null = null;
    elector.on('elected', (term) => {
      last = term;
    });
    elector.on('stopped', () => {
      const term = last;
      if (term !== null) clock.setTimer(500, () => action(elector, options, term));
    });
    return elector;
  };
};

// --- False explanations

/** Its `explain()` returns this message and this reason instead, unless `message` returns `null`. */
export function withMessage(
  message: (explanation: Explanation) => string | null,
  reason?: Explanation['reason'],
): ElectorFactory {
  return (options, runtime) => {
    const elector = new LeaseElector(options, runtime);
    const explain = elector.explain.bind(elector);
    elector.explain = (): Explanation => {
      const explanation = explain();
      const contradiction = message(explanation);
      return contradiction === null
        ? explanation
        : { ...explanation, message: contradiction, reason: reason ?? explanation.reason };
    };
    return elector;
  };
}
