/**
 * The watches that are open, as their clients see them: what cuts them, and what silences them. What a watch
 * tells is decided in watch.ts.
 */

import { ConnectionResetError } from '../server/faults.ts';
import type { ApiStream } from '../storage/watch.ts';
import type { RequestAttributes } from './request-filter.ts';

/** How many pieces of a watch are held back while it is silent; with more it is cut. */
export const HELD_BACK_LIMIT = 10_000;

type Condition = (watch: RequestAttributes) => boolean;

/** All open watches, and who of them is silent. */
export class WatchTracker {
  readonly #watches = new Set<InterceptedWatch>();
  readonly #silences = new Set<Condition>();

  /** Puts a watch under control; what the client gets is what this returns. */
  add(inner: ApiStream, traits: RequestAttributes, bearer: object | undefined): ApiStream {
    const watch = new InterceptedWatch(inner, traits, bearer, {
      isSilent: () => [...this.#silences].some((silences) => silences(traits)),
      closed: () => this.#watches.delete(watch),
    });
    this.#watches.add(watch);
    return watch;
  }

  /** Breaks those off that fit. Returns how many. */
  cut(condition: (watch: RequestAttributes, bearer: object | undefined) => boolean): number {
    const chosen = [...this.#watches].filter(({ traits, bearer }) => condition(traits, bearer));
    for (const watch of chosen) watch.cut();
    return chosen.length;
  }

  /**
   * From now on those that fit, and those that are opened meanwhile, tell nothing; they stay open. When it is
   * over they tell what was held back, as a connection does that the network had interrupted.
   */
  silence(condition: Condition): () => void {
    // A function of its own, since the same condition may be given twice.
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

/** A watch with a tap. */
class InterceptedWatch implements ApiStream {
  readonly traits: RequestAttributes;
  readonly bearer: object | undefined;
  readonly #inner: ApiStream;
  readonly #runtime: Runtime;
  #onChunk: (chunk: string) => void = () => {};
  #onEnd: (error?: Error) => void = () => {};
  #heldBack: string[] = [];
  /** How the inner watch ended, as long as the client was not told. */
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
    // A watch that is cut before its answer was written is cut as soon as it is.
    if (this.#opened) this.#onEnd(error);
  }

  /** Tells what was held back, unless it is still to be silent. */
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
