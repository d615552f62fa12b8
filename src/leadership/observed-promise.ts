/**
 * A promise that records whether its result is awaited. `start()` returns such a promise, so that a failure that is not
 * awaited can be reported as an event.
 */

/** A promise that records the calls of `then`. */
export class ObservedPromise<Value> extends Promise<Value> {
  #isAwaited = false;

  /** `then` returns an ordinary promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** Whether `then` was called. `await`, `catch` and `Promise.all` also call it. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  /** From now on a rejection does not count as unhandled. */
  tolerateRejection(): void {
    super.then(undefined, () => undefined);
  }

  // biome-ignore lint/suspicious/noThenProperty: a subclass of Promise has one
  override then<Fulfilled = Value, Rejected = never>(
    fulfilled?: ((value: Value) => Fulfilled | PromiseLike<Fulfilled>) | null,
    rejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    this.#isAwaited = true;
    return super.then(fulfilled, rejected);
  }
}
