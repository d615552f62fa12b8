/**
 * An event emitter that is protected from its listeners: if one throws, or its promise rejects, the other listeners are
 * still called, and the caller continues.
 */

import { EventEmitter } from 'eventemitter3';

type Listener = (...args: unknown[]) => unknown;

/**
 * The emitter that `LeaseElector` extends: eventemitter3 with a guard around every listener. A listener that throws, or
 * whose promise rejects, stops neither the other listeners nor the election. The elector then emits an `error`.
 *
 * Listeners are guarded when they are registered, because eventemitter3 stops at the first listener that throws, and
 * throws into the caller of `emit`.
 *
 * @example
 * ```ts
 * import { LeaseElector } from 'lease-elector';
 *
 * const elector = new LeaseElector();
 * elector.on('error', (error) => console.error(error.message));
 * elector.on('elected', () => {
 *   throw new Error('this listener fails');
 * });
 * elector.on('elected', () => console.log('this listener is called all the same'));
 * await elector.start();
 * ```
 */
export abstract class GuardedEmitter<Events extends object> extends EventEmitter<Events> {
  /** For each event, the guard of each of its listeners. */
  readonly #guards = new Map<PropertyKey, WeakMap<Listener, Listener>>();

  /** A listener of `event` threw, or its promise rejected. */
  protected abstract listenerFailed(error: unknown, event: PropertyKey): void;

  /** Calls a listener each time the event is emitted. */
  override on<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
  ): this {
    return super.on(event, this.#guard(event, listener), context);
  }

  /** The same as `on`. */
  override addListener<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
  ): this {
    return this.on(event, listener, context);
  }

  /** Calls a listener the next time the event is emitted, and then removes it. */
  override once<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
  ): this {
    return super.once(event, this.#guard(event, listener), context);
  }

  /** Removes a listener of an event, or all of them. */
  override off<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener?: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
    once?: boolean,
  ): this {
    return super.removeListener(event, listener && this.#guard(event, listener), context, once);
  }

  /** The same as `off`. */
  override removeListener<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener?: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
    once?: boolean,
  ): this {
    return this.off(event, listener, context, once);
  }

  /**
   * Returns the guard of a listener. The same listener of an event always has the same guard, so that it can be
   * removed.
   */
  #guard<Function extends (...args: never[]) => unknown>(event: PropertyKey, listener: Function): Function {
    // eventemitter3 rejects listeners that are not functions.
    if (typeof listener !== 'function') return listener;
    const key = listener as unknown as Listener;
    const guards = this.#guardsOf(event);
    const known = guards.get(key);
    if (known !== undefined) return known as unknown as Function;

    const failed = (error: unknown): void => this.listenerFailed(error, event);
    const guard: Listener = function (this: unknown, ...args) {
      try {
        const outcome = key.apply(this, args);
        if (isThenable(outcome)) Promise.resolve(outcome).catch(failed);
      } catch (error) {
        failed(error);
      }
    };
    guards.set(key, guard);
    // eventemitter3 itself removes a listener that was added with `once`, and passes the guard.
    guards.set(guard, guard);
    return guard as unknown as Function;
  }

  #guardsOf(event: PropertyKey): WeakMap<Listener, Listener> {
    let guards = this.#guards.get(event);
    if (guards === undefined) {
      guards = new WeakMap();
      this.#guards.set(event, guards);
    }
    return guards;
  }
}

/** Whether the value is a promise, including those of other realms and libraries. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
