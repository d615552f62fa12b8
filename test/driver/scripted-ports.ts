/**
 * Ports without a world behind them: every request waits until the test answers it, and every call is noted.
 */

import type { LeaseContent, LeaseRecord, PodRecord } from '../../src/core/lease-record.ts';
import type { RequestFailure, RequestFailureKind } from '../../src/core/request-failure.ts';
import type { Answer, Ports, SiblingLockListener, WatchPort, WatchSink } from '../../src/driver/ports.ts';

/** A request that waits for its answer. */
export interface PendingRequest {
  readonly call: string;
  /** What was sent with it. */
  readonly content: LeaseContent | null;
  succeed(value: unknown): void;
  fail(kind: RequestFailureKind, message?: string, more?: Partial<RequestFailure>): void;
  /** What no port may do. */
  reject(error: Error): void;
}

/** An open watch. */
export interface OpenStream {
  readonly of: string;
  /** The version that it was opened from. */
  readonly resumeFrom: string;
  readonly sink: WatchSink<LeaseRecord & PodRecord>;
  closed: boolean;
}

/** What a `Driver` asks for, and the means to answer. */
export class ScriptedPorts {
  readonly calls: string[] = [];
  readonly pending: PendingRequest[] = [];
  readonly streams: OpenStream[] = [];
  /** Answers the claim on the sibling lock. */
  tellLock: SiblingLockListener = () => undefined;
  lockIsFree = true;
  /** Whether a renewal is handed to its socket as soon as it is asked for. */
  writesAtOnce = true;
  closings = 0;
  /** What a call throws, instead of being noted. */
  throwing: { readonly call: string; readonly error: Error } | null = null;

  readonly ports: Ports = {
    lease: {
      read: () => this.#ask('read lease'),
      create: (content) => this.#ask('create lease', content),
      replace: (_lease, content, written) => {
        if (this.writesAtOnce) written?.();
        return this.#ask('replace lease', content);
      },
      delete: () => this.#ask('delete lease'),
    },
    pod: { read: (name) => this.#ask(`read pod ${name}`) },
    leaseWatch: this.#watch('lease'),
    podWatch: (name) => this.#watch(`pod ${name}`),
    publishing: {
      readPodMetadata: (name) => this.#ask(`read marks of ${name}`),
      patchPodMetadata: ({ name }, patch) => this.#ask(`patch ${name} ${JSON.stringify(patch.labels)}`),
      createEvent: ({ message }) => this.#ask(`write event ${message}`),
    },
    siblingLock: {
      claim: (outcome) => {
        this.lockIsFree = false;
        this.tellLock = outcome;
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
    Object.assign(this.ports.pod, { listApplication: () => this.#ask('list application') });
  }

  /** Takes the first pending request of that name off the list. */
  take(call: string): PendingRequest {
    const index = this.pending.findIndex((request) => request.call === call);
    const [request] = index < 0 ? [] : this.pending.splice(index, 1);
    if (request === undefined) {
      throw new Error(
        `nobody asked to ${call}; pending: ${this.pending.map((one) => one.call).join(', ') || 'nothing'}`,
      );
    }
    return request;
  }

  /** The stream that is open, of what is named. */
  stream(of: string): OpenStream {
    const found = this.streams.find((stream) => stream.of === of && !stream.closed);
    if (found === undefined) throw new Error(`no watch of ${of} is open`);
    return found;
  }

  #ask<Value>(call: string, content: LeaseContent | null = null): Promise<Answer<Value>> {
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
      list: () => this.#ask(`list ${of}`),
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

/** A failure with nothing but a kind. */
export function failureOf(kind: RequestFailureKind, message: string = kind): RequestFailure {
  return { kind, message, retryAfterMs: null, missingRule: null, cause: null };
}

/** The Lease that the API server would keep of this content. */
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

/** Lets everything that waits for a promise go on. */
export async function promisesSettled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await null;
}
