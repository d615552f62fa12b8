/**
 * An emitter of events whose listeners cannot do harm: one that throws, or whose promise rejects, keeps
 * neither the other listeners from being called nor the caller from going on.
 */

import { EventEmitter } from 'eventemitter3';

type Listener = (...args: unknown[]) => unknown;

/**
 * eventemitter3 with every listener guarded.
 *
 * Guarding happens on registration, since eventemitter3 stops at the first listener that throws and
 * throws into the caller of `emit`.
 */
export abstract class GuardedEmitter<Events extends object> extends EventEmitter<Events> {
  readonly #guards = new WeakMap<Listener, Listener>();

  /** A listener threw, or its promise rejected. */
  protected abstract listenerFailed(error: unknown): void;

  override on<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
  ): this {
    return super.on(event, this.#guard(listener), context);
  }

  override addListener<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
  ): this {
    return this.on(event, listener, context);
  }

  override once<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
  ): this {
    return super.once(event, this.#guard(listener), context);
  }

  override off<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener?: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
    once?: boolean,
  ): this {
    return super.removeListener(event, listener && this.#guard(listener), context, once);
  }

  override removeListener<Name extends EventEmitter.EventNames<Events>>(
    event: Name,
    listener?: EventEmitter.EventListener<Events, Name>,
    context?: unknown,
    once?: boolean,
  ): this {
    return this.off(event, listener, context, once);
  }

  /** The same listener always gets the same guard, so that it can be taken off again. */
  #guard<Function extends (...args: never[]) => unknown>(listener: Function): Function {
    // What is no function is for eventemitter3 to refuse.
    if (typeof listener !== 'function') return listener;
    const key = listener as unknown as Listener;
    const known = this.#guards.get(key);
    if (known !== undefined) return known as unknown as Function;

    const failed = (error: unknown): void => this.listenerFailed(error);
    const guard: Listener = function (this: unknown, ...args) {
      try {
        const outcome = key.apply(this, args);
        if (outcome instanceof Promise) outcome.catch(failed);
      } catch (error) {
        failed(error);
      }
    };
    this.#guards.set(key, guard);
    return guard as unknown as Function;
  }
}
