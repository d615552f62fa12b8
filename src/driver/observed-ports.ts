/**
 * The ports of an election with an observer: they report the requests of the election and their answers to the outage
 * watches, and return the answers unchanged.
 */

import type { OutageWatch } from './outage-watch.ts';
import type { Answer, Ports, WatchPort, WatchSink } from './ports.ts';

/**
 * Returns the same ports with observers. Both outage watches stop when the ports are closed.
 *
 * @param watch observes these requests and all streams
 * @param writes observes the writes alone, because they can fail for a long time while reads succeed
 */
export function observedPorts(ports: Ports, watch: OutageWatch, writes: OutageWatch): Ports {
  const { lease, pod, leaseWatch, podWatch } = ports;
  // The watch of all requests is notified first. So an outage does not count as a failure of writes, even if a write is
  // the first request that fails.
  const observedWrite = <Ended extends Answer<unknown>>(request: Promise<Ended>): Promise<Ended> =>
    observed(writes, observed(watch, request));
  return {
    ...ports,
    lease: {
      read: () => observed(watch, lease.read()),
      create: (content) => observedWrite(lease.create(content)),
      replace: (before, content, written) => observedWrite(lease.replace(before, content, written)),
      delete: (before) => observedWrite(lease.delete(before)),
    },
    // The list of the application's Pods may be answered without a request, so its answer is not evidence about the API
    // server.
    pod: { ...pod, read: (name) => observed(watch, pod.read(name)) },
    leaseWatch: observedWatch(watch, leaseWatch),
    podWatch: (name) => observedWatch(watch, podWatch(name)),
    close: () => {
      watch.stop();
      writes.stop();
      ports.close();
    },
  };
}

async function observed<Ended extends Answer<unknown>>(watch: OutageWatch, request: Promise<Ended>): Promise<Ended> {
  watch.requestSent();
  const answer = await request;
  if (answer.ok) watch.answered();
  else watch.failed(answer.failure);
  return answer;
}

function observedWatch<Item>(watch: OutageWatch, port: WatchPort<Item>): WatchPort<Item> {
  return {
    list: () => observed(watch, port.list()),
    open: (resourceVersion, timeoutSeconds, sink) => {
      const observedSink = new ObservedSink(watch, sink);
      watch.requestSent();
      const stream = port.open(resourceVersion, timeoutSeconds, observedSink);
      return {
        close: () => {
          observedSink.withdraw();
          stream.close();
        },
      };
    },
  };
}

/** A stream counts as a request until its head or its end is received. */
class ObservedSink<Item> implements WatchSink<Item> {
  readonly #watch: OutageWatch;
  readonly #sink: WatchSink<Item>;
  #pending = true;

  constructor(watch: OutageWatch, sink: WatchSink<Item>) {
    this.#watch = watch;
    this.#sink = sink;
  }

  opened(): void {
    if (this.#pending) this.#watch.answered();
    this.#pending = false;
    this.#sink.opened();
  }

  event(event: Parameters<WatchSink<Item>['event']>[0]): void {
    this.#watch.received();
    this.#sink.event(event);
  }

  ended(failure: Parameters<WatchSink<Item>['ended']>[0]): void {
    if (failure === null) this.withdraw();
    else if (this.#pending) this.#watch.failed(failure);
    else this.#watch.streamFailed(failure);
    this.#pending = false;
    this.#sink.ended(failure);
  }

  /** Records that the stream is no longer awaited. */
  withdraw(): void {
    if (this.#pending) this.#watch.withdrawn();
    this.#pending = false;
  }
}
