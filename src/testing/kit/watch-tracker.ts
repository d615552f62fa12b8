/**
 * The open watches, as their clients see them. It cuts them and silences them. watch.ts decides the events of
 * a watch.
 */

import { ConnectionResetError } from '../server/faults.ts';
import type { ApiStream } from '../storage/watch.ts';
import type { RequestAttributes } from './request-filter.ts';

/** How many chunks of a silent watch are withheld; beyond that the watch is cut. */
export const HELD_BACK_LIMIT = 10_000;

type Condition = (watch: RequestAttributes) => boolean;

/** All open watches, and the conditions under which they are silent. */
export class WatchTracker {
  readonly #watches = new Set<InterceptedWatch>();
  readonly #silences = new Set<Condition>();

  /** Registers a watch; the returned stream is the one for the client. */
  add(inner: ApiStream, traits: RequestAttributes, bearer: object | undefined): ApiStream {
    const watch = new InterceptedWatch(inner, traits, bearer, {
      isSilent: () => [...this.#silences].some((silences) => silences(traits)),
      closed: () => this.#watches.delete(watch),
    });
    this.#watches.add(watch);
    return watch;
  }

  /** Cuts the matching watches. Returns their number. */
  cut(condition: (watch: RequestAttributes, bearer: object | undefined) => boolean): number {
    const chosen = [...this.#watches].filter(({ traits, bearer }) => condition(traits, bearer));
    for (const watch of chosen) watch.cut();
    return chosen.length;
  }

  /**
   * Silences the matching watches, open and new ones; they stay open. The returned function ends the silence. The
   * watches then deliver the withheld events, as a connection does after an interruption of the network.
   */
  silence(condition: Condition): () => void {
    // A new function for each call, since the same condition may be passed twice.
    const silences: Condition = (watch) => condition(watch);
    this.#silences.add(silences);
    return () => {
      if (!this.#silences.delete(silences)) return;
      for (const watch of [...this.#watches]) watch.flush();
    };
  }
}

interface Runtime {
  readonly isSilent: () => boolean;
  readonly closed: () => void;
}

/** A watch whose events can be withheld. */
class InterceptedWatch implements ApiStream {
  readonly traits: RequestAttributes;
  readonly bearer: object | undefined;
  readonly #inner: ApiStream;
  readonly #runtime: Runtime;
  #onChunk: (chunk: string) => void = () => {};
  #onEnd: (error?: Error) => void = () => {};
  #heldBack: string[] = [];
  /** How the inner watch ended, until the client is notified. */
  #end: { readonly error: Error | undefined } | undefined;
  #opened = false;
  #over = false;

  constructor(inner: ApiStream, traits: RequestAttributes, bearer: object | undefined, runtime: Runtime) {
    this.#inner = inner;
    this.traits = traits;
    this.bearer = bearer;
    this.#runtime = runtime;
  }

  open(onChunk: (chunk: string) => void, onEnd: (error?: Error) => void): void {
    this.#onChunk = onChunk;
    this.#onEnd = onEnd;
    this.#opened = true;
    if (this.#end !== undefined) {
      onEnd(this.#end.error);
      return;
    }
    this.#inner.open(
      (chunk) => this.#take(chunk),
      (error) => {
        this.#end = { error };
        this.flush();
      },
    );
  }

  close(): void {
    if (this.#over) return;
    this.#finish();
    this.#inner.close();
  }

  cut(): void {
    if (this.#over) return;
    const error = new ConnectionResetError();
    this.#end = { error };
    this.close();
    // A watch that is cut before its answer is written is cut as soon as the answer is written.
    if (this.#opened) this.#onEnd(error);
  }

  /** Delivers the withheld chunks, unless the watch is still silent. */
  flush(): void {
    if (this.#over || !this.#opened || this.#runtime.isSilent()) return;
    for (const chunk of this.#heldBack.splice(0)) this.#onChunk(chunk);
    if (this.#end === undefined || this.#over) return;
    this.#finish();
    this.#onEnd(this.#end.error);
  }

  #take(chunk: string): void {
    if (this.#over) return;
    if (!this.#runtime.isSilent()) {
      this.#onChunk(chunk);
      return;
    }
    this.#heldBack.push(chunk);
    if (this.#heldBack.length > HELD_BACK_LIMIT) this.cut();
  }

  #finish(): void {
    this.#over = true;
    this.#heldBack = [];
    this.#runtime.closed();
  }
}
