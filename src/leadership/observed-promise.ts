/**
 * A promise that knows whether its end is waited for. `start()` returns one: a failure that nobody waits for is reported
 * as an event instead.
 */

export class ObservedPromise<Value> extends Promise<Value> {
  #isAwaited = false;

  /** What `then` returns is an ordinary promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** Whether `then` was called; `await`, `catch` and `Promise.all` call it, too. */
  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  /** A rejection is no unhandled rejection from now on. */
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
