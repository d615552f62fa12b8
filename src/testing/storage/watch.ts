/**
 * One open watch: the writes that it shows, their form, its bookmarks and its end. Writes before its opening come from
 * watch-history.ts.
 */

import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Selection } from '../formats/field-selector.ts';
import { renderEvent } from '../formats/representation.ts';
import type { Representation } from '../formats/representation-type.ts';
import { type ApiObject, withMetadata } from '../objects/api-object.ts';
import { apiVersionOf, LEASES, PODS, type ResourceKind } from '../objects/resources.ts';
import type { StatusError } from '../objects/status.ts';
import type { WriteEvent } from './watch-history.ts';

/** The events of a watch, as lines of JSON. Call `open` once, and `close` when they are no longer needed. */
export interface ApiStream {
  /**
   * Starts delivery: each chunk is one or more whole lines. `onEnd` is called once, when the server ends
   * the watch; with an error when it was cut off.
   */
  open(onChunk: (chunk: string) => void, onEnd: (error?: Error) => void): void;
  /** Ends the watch, as a client that closes its connection does. `onEnd` is not called. */
  close(): void;
}

/**
 * How many lines wait for `open`, besides the first events, before the watch is cut off. A real server also drops a slow
 * watcher.
 */
export const WATCH_BUFFER_LIMIT = 10_000;

/** Milliseconds between two bookmarks, for a watch that requests bookmarks. */
const BOOKMARK_INTERVAL_MS = 60_000;
/** Milliseconds from the last bookmark to the end of the watch (fact 16). */
const BOOKMARK_BEFORE_END_MS = 2_000;

/** The parameters of a watch. */
export interface WatchParameters {
  readonly kind: ResourceKind;
  readonly namespace: string | undefined;
  readonly selection: Selection | undefined;
  readonly representation: Representation;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
  /** Writes up to this revision are not shown. */
  readonly afterRevision: number;
}

/** A watch, from its opening to its end. */
export class Watch implements ApiStream {
  readonly parameters: WatchParameters;
  readonly #clock: Clock;
  readonly #currentRevision: () => number;
  readonly #onClosed: (watch: Watch) => void;
  readonly #timers: Timer[] = [];
  #waiting: string[] = [];
  #waitingLimit = WATCH_BUFFER_LIMIT;
  #onChunk: ((chunk: string) => void) | undefined;
  #onEnd: ((error?: Error) => void) | undefined;
  #ended: { readonly error: Error | undefined } | undefined;
  #first = true;

  constructor(
    parameters: WatchParameters,
    clock: Clock,
    currentRevision: () => number,
    onClosed: (watch: Watch) => void,
  ) {
    this.parameters = parameters;
    this.#clock = clock;
    this.#currentRevision = currentRevision;
    this.#onClosed = onClosed;
    this.#timers.push(clock.setTimer(parameters.timeoutMs, () => this.end(), { background: true }));
    if (parameters.bookmarks) this.#scheduleBookmarks(clock.nowMs() + parameters.timeoutMs);
  }

  open(onChunk: (chunk: string) => void, onEnd: (error?: Error) => void): void {
    this.#onChunk = onChunk;
    this.#onEnd = onEnd;
    const waiting = this.#waiting.join('');
    this.#waiting = [];
    if (waiting !== '') onChunk(waiting);
    // The client may have closed the watch while it received the first chunk. Then it does not wait for the end.
    if (this.#ended !== undefined) this.#onEnd?.(this.#ended.error);
  }

  close(): void {
    this.#onChunk = undefined;
    this.#onEnd = undefined;
    this.#stop(undefined);
  }

  /** Ends the watch; with an error, as a broken connection does. */
  end(error?: Error): void {
    if (this.#ended !== undefined) return;
    const onEnd = this.#onEnd;
    this.#stop(error);
    onEnd?.(error);
  }

  /** Shows the objects that exist already. */
  showExisting(objects: readonly ApiObject[]): void {
    this.#waitingLimit += objects.length;
    for (const object of objects) this.#line('ADDED', object);
  }

  /** Shows past writes. */
  showPast(events: readonly WriteEvent[]): void {
    this.#waitingLimit += events.length;
    for (const event of events) this.show(event);
  }

  /** Shows a write, if it concerns this watch. */
  show(event: WriteEvent): void {
    const { kind, namespace, selection, afterRevision } = this.parameters;
    if (event.revision <= afterRevision || this.#ended !== undefined) return;
    const { object, previous, type } = event;
    if (namespace !== undefined && kind.namespaced && object.metadata.namespace !== namespace) return;
    if (selection === undefined) {
      this.#line(type, object);
      return;
    }
    // Objects that enter or leave the selection are added and deleted for this watch (fact 12).
    const isSelected = type !== 'DELETED' && selection(object);
    const wasSelected = previous !== undefined && selection(previous);
    if (isSelected) this.#line(wasSelected ? 'MODIFIED' : 'ADDED', object);
    else if (wasSelected) this.#line('DELETED', type === 'DELETED' ? object : lastSelected(previous, event));
  }

  /** Writes a bookmark; `initialEventsEnd` marks the end of the objects that existed already (fact 15). */
  bookmark(initialEventsEnd: boolean): void {
    const { kind } = this.parameters;
    // A bookmark must not name a version that does not exist yet.
    if (this.#currentRevision() < this.parameters.afterRevision) return;
    const annotations = initialEventsEnd ? { 'k8s.io/initial-events-end': 'true' } : undefined;
    const resourceVersion = String(this.#currentRevision());
    const empty: ApiObject = {
      kind: kind.kind,
      apiVersion: apiVersionOf(kind),
      metadata: { name: '', uid: '', creationTimestamp: '', resourceVersion, ...(annotations ? { annotations } : {}) },
      ...emptyContent(kind),
    };
    this.#line('BOOKMARK', empty);
  }

  /** Writes an error event, and ends the watch. */
  fail(error: StatusError): void {
    this.#write(`${JSON.stringify({ type: 'ERROR', object: error.body })}\n`);
    this.end();
  }

  #line(type: string, object: ApiObject): void {
    const { representation, kind } = this.parameters;
    this.#write(renderEvent(representation, kind, type, object, this.#clock.wallMs(), this.#first));
    this.#first = false;
  }

  #write(text: string): void {
    if (this.#ended !== undefined) return;
    if (this.#onChunk !== undefined) {
      try {
        this.#onChunk(text);
      } catch (error) {
        // The error of one reader must affect neither the writer nor the other watches.
        this.end(error instanceof Error ? error : new Error(String(error)));
      }
      return;
    }
    this.#waiting.push(text);
    if (this.#waiting.length > this.#waitingLimit) this.end(new Error('the watch was not read'));
  }

  #scheduleBookmarks(endMs: number): void {
    const left = endMs - this.#clock.nowMs();
    const beforeEnd = left - BOOKMARK_BEFORE_END_MS;
    if (beforeEnd <= 0) return;
    const next = Math.min(BOOKMARK_INTERVAL_MS, beforeEnd);
    const timer = this.#clock.setTimer(
      next,
      () => {
        this.bookmark(false);
        if (next < beforeEnd) this.#scheduleBookmarks(endMs);
      },
      { background: true },
    );
    // Only the timer of the end and the next bookmark are ever set.
    this.#timers[1] = timer;
  }

  #stop(error: Error | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    for (const timer of this.#timers) timer.cancel();
    this.#onClosed(this);
  }
}

const lastSelectedObjects = new WeakMap<ApiObject, ApiObject>();

/** The content before the change, with the version of the change; one object for all watchers. */
function lastSelected(previous: ApiObject, event: WriteEvent): ApiObject {
  let object = lastSelectedObjects.get(event.object);
  if (object === undefined) {
    object = withMetadata(previous, { resourceVersion: event.object.metadata.resourceVersion });
    lastSelectedObjects.set(event.object, object);
  }
  return object;
}

/** The fields that Go writes for an empty object of a kind. */
function emptyContent(kind: ResourceKind): { readonly [field: string]: unknown } {
  if (kind === LEASES) return { spec: {} };
  if (kind === PODS) return { spec: { containers: null }, status: {} };
  return kind.resource === 'namespaces' ? { spec: {}, status: {} } : {};
}
