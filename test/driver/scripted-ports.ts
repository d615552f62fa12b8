/**
 * Ports without a server: the test answers every request, and every call is recorded.
 */

import type { LeaseContent, LeaseRecord, PodRecord } from '../../src/core/lease-record.ts';
import type { RequestFailure, RequestFailureKind } from '../../src/core/request-failure.ts';
import type { Answer, Ports, SiblingLockListener, WatchPort, WatchSink } from '../../src/driver/ports.ts';

/** A request that is not answered yet. */
export interface PendingRequest {
  readonly call: string;
  /** The content of a write. */
  readonly content: LeaseContent | null;
  succeed(value: unknown): void;
  fail(kind: RequestFailureKind, message?: string, more?: Partial<RequestFailure>): void;
  /** Rejects the promise, which a real port never does. */
  reject(error: Error): void;
}

/** An open watch. */
export interface OpenStream {
  readonly of: string;
  /** The resourceVersion from which it was opened. */
  readonly resumeFrom: string;
  readonly sink: WatchSink<LeaseRecord & PodRecord>;
  closed: boolean;
}

/** The ports of a `Driver`, and the means to answer them. */
export class ScriptedPorts {
  readonly calls: string[] = [];
  readonly pending: PendingRequest[] = [];
  readonly streams: OpenStream[] = [];
  /** Answers the claim on the sibling lock. */
  reportLock: SiblingLockListener = () => undefined;
  lockIsFree = true;
  /** Whether a renewal counts as written when it is sent. */
  writesAtOnce = true;
  closings = 0;
  /** The error that this call throws. The call is then not answered. */
  throwing: { readonly call: string; readonly error: Error } | null = null;

  readonly ports: Ports = {
    lease: {
      read: () => this.#send('read lease'),
      create: (content) => this.#send('create lease', content),
      replace: (_lease, content, written) => {
        if (this.writesAtOnce) written?.();
        return this.#send('replace lease', content);
      },
      delete: () => this.#send('delete lease'),
    },
    pod: { read: (name) => this.#send(`read pod ${name}`) },
    leaseWatch: this.#watch('lease'),
    podWatch: (name) => this.#watch(`pod ${name}`),
    publishing: {
      readPodMetadata: (name) => this.#send(`read metadata of ${name}`),
      patchPodMetadata: ({ name }, patch) => this.#send(`patch ${name} ${JSON.stringify(patch.labels)}`),
      createEvent: ({ message }) => this.#send(`write event ${message}`),
    },
    siblingLock: {
      claim: (outcome) => {
        this.lockIsFree = false;
        this.reportLock = outcome;
      },
      free: () => {
        this.lockIsFree = true;
      },
    },
    close: () => {
      this.closings += 1;
    },
  };

  /** Gives the Pods labels, so that a leader can list those of its application. */
  listsApplication(): void {
    Object.assign(this.ports.pod, { listApplication: () => this.#send('list application') });
  }

  /** Removes the first pending request of that name from the list. */
  take(call: string): PendingRequest {
    const index = this.pending.findIndex((request) => request.call === call);
    const [request] = index < 0 ? [] : this.pending.splice(index, 1);
    if (request === undefined) {
      throw new Error(`no request to ${call}; pending: ${this.pending.map((one) => one.call).join(', ') || 'nothing'}`);
    }
    return request;
  }

  /** The open stream of that name. */
  stream(of: string): OpenStream {
    const found = this.streams.find((stream) => stream.of === of && !stream.closed);
    if (found === undefined) throw new Error(`no watch of ${of} is open`);
    return found;
  }

  #send<Value>(call: string, content: LeaseContent | null = null): Promise<Answer<Value>> {
    this.calls.push(call);
    if (this.throwing?.call === call) throw this.throwing.error;
    return new Promise((resolve, reject) => {
      this.pending.push({
        call,
        content,
        succeed: (value) => resolve({ ok: true, value: value as Value }),
        fail: (kind, message = kind, more = {}) =>
          resolve({ ok: false, failure: { ...failureOf(kind, message), ...more } }),
        reject,
      });
    });
  }

  #watch<Item>(of: string): WatchPort<Item> {
    return {
      list: () => this.#send(`list ${of}`),
      open: (resumeFrom, _timeoutSeconds, sink) => {
        this.calls.push(`watch ${of}`);
        const stream = { of, resumeFrom, sink: sink as unknown as OpenStream['sink'], closed: false };
        this.streams.push(stream);
        return {
          close: () => {
            stream.closed = true;
          },
        };
      },
    };
  }
}

/** A failure that has only a kind. */
export function failureOf(kind: RequestFailureKind, message: string = kind): RequestFailure {
  return { kind, message, retryAfterMs: null, missingRule: null, cause: null };
}

/** The Lease that the API server stores for this content. */
export function storedLease(content: LeaseContent, resourceVersion: number, uid: string = 'lease-1'): LeaseRecord {
  return {
    ...content,
    uid,
    resourceVersion: String(resourceVersion),
    terminating: false,
    finalizers: [],
    source: null,
  };
}

/** Runs everything that waits for a resolved promise. */
export async function promisesSettled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await null;
}
