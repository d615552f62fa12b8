/**
 * Deletes objects whose owners are gone, step by step as the real collector does (facts 22 to 27). It reads the
 * object, and deletes it with uid and resourceVersion. After a conflict it reads again and deletes with the uid
 * alone. Time passes between the steps, so that other writes come between them as in a cluster.
 */

import type { Clock, Timer } from '../../runtime/clock.ts';
import { type ApiObject, type OwnerReference, sameJson, withMetadata } from '../objects/api-object.ts';
import { kindOf, type ResourceKind } from '../objects/resources.ts';
import { StatusError } from '../objects/status.ts';
import { type DeleteOptions, FOREGROUND_FINALIZER, ORPHAN_FINALIZER, type Registry } from '../storage/registry.ts';
import type { Store } from '../storage/store.ts';
import type { WriteEvent } from '../storage/watch-history.ts';

/** Milliseconds from the cause of a collection to the collector's first read, by default (fact 23). */
export const DEFAULT_GARBAGE_COLLECTION_DELAY_MS = 5;
/** Milliseconds between one request of the collector and the next, by default. */
export const DEFAULT_GARBAGE_COLLECTION_STEP_MS = 1;

/** The delays of the collector. */
export interface GarbageCollectorDelays {
  readonly delayMs: () => number;
  readonly stepMs: () => number;
}

interface Dependent {
  readonly kind: ResourceKind;
  readonly object: ApiObject;
}

/** Follows all writes, and deletes objects without owners. */
export class GarbageCollector {
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #delays: GarbageCollectorDelays;
  /** Objects by the uids of their owners. */
  readonly #dependents = new Map<string, Map<string, Dependent>>();
  readonly #timers = new Set<Timer>();
  readonly #stopListening: () => void;
  /** The number of active holds. While there is one, nothing is collected. */
  #holds = 0;
  #heldBack: (() => void)[] = [];

  constructor(store: Store, registry: Registry, clock: Clock, delays: GarbageCollectorDelays) {
    this.#store = store;
    this.#registry = registry;
    this.#clock = clock;
    this.#delays = delays;
    this.#stopListening = store.onWrite((event) => this.#observe(event));
  }

  /** The number of uids that objects name as owners. */
  get ownerCount(): number {
    return this.#dependents.size;
  }

  /** The number of pending steps. */
  get pendingCount(): number {
    return this.#timers.size + this.#heldBack.length;
  }

  stop(): void {
    this.#stopListening();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#heldBack = [];
  }

  /** Stops all collection, including the next step of one that has begun, until the returned function is called. */
  hold(): () => void {
    this.#holds += 1;
    let holding = true;
    return () => {
      if (!holding) return;
      holding = false;
      this.#holds -= 1;
      if (this.#holds > 0) return;
      for (const action of this.#heldBack.splice(0)) action();
    };
  }

  #later(afterMs: number, action: () => void): void {
    const timer = this.#clock.setTimer(
      afterMs,
      () => {
        this.#timers.delete(timer);
        if (this.#holds > 0) this.#heldBack.push(action);
        else action();
      },
      { background: true },
    );
    this.#timers.add(timer);
  }

  #observe(event: WriteEvent): void {
    const { kind, object, previous, type } = event;
    const { uid } = object.metadata;
    for (const reference of previous?.metadata.ownerReferences ?? []) this.#forget(reference.uid, uid);
    if (type === 'DELETED') {
      for (const dependent of this.#dependents.get(uid)?.values() ?? [])
        this.#examine(dependent.kind, dependent.object);
      // An owner that waits for its dependents may now have none.
      for (const reference of object.metadata.ownerReferences ?? []) this.#resumeForeground(object, reference);
      return;
    }
    const references = object.metadata.ownerReferences ?? [];
    for (const reference of references) this.#remember(reference.uid, { kind, object });
    const before = previous?.metadata.ownerReferences ?? [];
    if (references.length > 0 && !sameJson(references, before)) this.#examine(kind, object);
    // An owner that waits for this object stops waiting when the object no longer names or no longer blocks it.
    for (const reference of before) {
      if (reference.blockOwnerDeletion === true && !blocks(object, reference.uid)) {
        this.#resumeForeground(object, reference);
      }
    }
    if (object.metadata.deletionTimestamp === undefined) return;
    const finalizers = object.metadata.finalizers ?? [];
    if (finalizers.includes(ORPHAN_FINALIZER)) this.#later(this.#delays.delayMs(), () => this.#orphan(kind, object));
    if (finalizers.includes(FOREGROUND_FINALIZER)) {
      this.#later(this.#delays.delayMs(), () => this.#foreground(kind, object));
    }
  }

  #remember(ownerUid: string, dependent: Dependent): void {
    let dependents = this.#dependents.get(ownerUid);
    if (dependents === undefined) {
      dependents = new Map();
      this.#dependents.set(ownerUid, dependents);
    }
    dependents.set(dependent.object.metadata.uid, dependent);
  }

  #forget(ownerUid: string, uid: string): void {
    const dependents = this.#dependents.get(ownerUid);
    dependents?.delete(uid);
    if (dependents?.size === 0) this.#dependents.delete(ownerUid);
  }

  #examine(kind: ResourceKind, object: ApiObject): void {
    if (this.#classify(kind, object).dangling.length === 0) return;
    this.#later(this.#delays.delayMs(), () => this.#look(kind, object.metadata));
  }

  /** The collector's first GET: checks whether an owner is missing, and whether any is left. */
  #look(
    kind: ResourceKind,
    sought: { readonly namespace?: string; readonly name: string; readonly uid: string },
  ): void {
    const object = this.#current(kind, sought);
    if (object === undefined) return;
    if (object.metadata.deletionTimestamp !== undefined) {
      // Its deletion has begun. It may still wait for its own dependents.
      if (waitsForDependents(object)) this.#foreground(kind, object);
      return;
    }
    const { solid, dangling, waiting } = this.#classify(kind, object);
    const gone = [...dangling, ...waiting];
    if (gone.length === 0) return;
    if (solid.length > 0) {
      this.#later(this.#delays.stepMs(), () => this.#dropReferences(kind, object, gone));
      return;
    }
    // If its owner is deleted in the foreground, an object also waits for its own dependents.
    const dependents = [...(this.#dependents.get(object.metadata.uid)?.values() ?? [])];
    const inForeground = waiting.length > 0 && dependents.length > 0;
    if (inForeground && dependents.some((dependent) => waitsForDependents(dependent.object))) {
      // Objects in a circle would wait for each other forever.
      this.#later(this.#delays.stepMs(), () => {
        this.#rewrite(kind, object, unblocked);
        this.#collect(kind, object.metadata, 'Foreground');
      });
      return;
    }
    this.#later(this.#delays.stepMs(), () => this.#tryDelete(kind, object, inForeground ? 'Foreground' : undefined));
  }

  #collect(kind: ResourceKind, sought: ApiObject['metadata'], policy: DeleteOptions['propagationPolicy']): void {
    const object = this.#current(kind, sought);
    if (object !== undefined) this.#tryDelete(kind, object, policy);
  }

  #tryDelete(kind: ResourceKind, object: ApiObject, policy: DeleteOptions['propagationPolicy']): void {
    const preconditions = { uid: object.metadata.uid, resourceVersion: object.metadata.resourceVersion };
    if (this.#delete(kind, object, preconditions, policy) === 'conflict') {
      this.#later(this.#delays.stepMs(), () => this.#readAgain(kind, object, policy));
    }
  }

  /** The second GET: unchanged owner references mean that the uid is enough (fact 25). */
  #readAgain(kind: ResourceKind, seen: ApiObject, policy: DeleteOptions['propagationPolicy']): void {
    const object = this.#current(kind, seen.metadata);
    if (object === undefined) return;
    if (!sameJson(object.metadata.ownerReferences, seen.metadata.ownerReferences)) {
      this.#later(this.#delays.stepMs(), () => this.#look(kind, seen.metadata));
      return;
    }
    this.#later(this.#delays.stepMs(), () => this.#delete(kind, seen, { uid: seen.metadata.uid }, policy));
  }

  #delete(
    kind: ResourceKind,
    object: ApiObject,
    preconditions: { readonly uid: string; readonly resourceVersion?: string },
    policy: DeleteOptions['propagationPolicy'],
  ): 'done' | 'conflict' {
    const { namespace = '', name, finalizers = [] } = object.metadata;
    const own = finalizers.includes(ORPHAN_FINALIZER)
      ? 'Orphan'
      : finalizers.includes(FOREGROUND_FINALIZER)
        ? 'Foreground'
        : 'Background';
    const propagationPolicy = policy ?? own;
    try {
      this.#registry.delete(kind, namespace, name, { preconditions, propagationPolicy });
      return 'done';
    } catch (error) {
      if (error instanceof StatusError && error.code === 409) return 'conflict';
      if (error instanceof StatusError && error.code === 404) return 'done';
      throw error;
    }
  }

  /** One of several owners is gone: the collector removes its reference with a patch (fact 24). */
  #dropReferences(kind: ResourceKind, seen: ApiObject, absent: readonly OwnerReference[]): void {
    const gone = new Set(absent.map((reference) => reference.uid));
    this.#rewrite(kind, seen, (object) =>
      withMetadata(object, {
        ownerReferences: (object.metadata.ownerReferences ?? []).filter((reference) => !gone.has(reference.uid)),
      }),
    );
  }

  #orphan(kind: ResourceKind, owner: ApiObject): void {
    const gone = [{ uid: owner.metadata.uid } as OwnerReference];
    for (const dependent of [...(this.#dependents.get(owner.metadata.uid)?.values() ?? [])]) {
      this.#dropReferences(dependent.kind, dependent.object, gone);
    }
    this.#removeFinalizer(kind, owner, ORPHAN_FINALIZER);
  }

  /** A foreground deletion: removes the owner when no blocking dependent is left. Until then it examines these dependents. */
  #foreground(kind: ResourceKind, owner: ApiObject): void {
    const { uid } = owner.metadata;
    const current = this.#current(kind, owner.metadata);
    if (current === undefined || !waitsForDependents(current)) return;
    const blocking = [...(this.#dependents.get(uid)?.values() ?? [])].filter(({ object }) => blocks(object, uid));
    if (blocking.length === 0) {
      this.#removeFinalizer(kind, owner, FOREGROUND_FINALIZER);
      return;
    }
    for (const dependent of blocking) {
      if (waitsForDependents(dependent.object)) continue;
      this.#later(this.#delays.stepMs(), () => this.#look(dependent.kind, dependent.object.metadata));
    }
  }

  #resumeForeground(gone: ApiObject, reference: OwnerReference): void {
    const kind = kindOf(reference.apiVersion, reference.kind);
    if (kind === undefined) return;
    const owner = this.#store.get(kind, gone.metadata.namespace ?? '', reference.name);
    if (owner?.metadata.uid !== reference.uid || !waitsForDependents(owner)) return;
    this.#later(this.#delays.stepMs(), () => this.#foreground(kind, owner));
  }

  #removeFinalizer(kind: ResourceKind, owner: ApiObject, finalizer: string): void {
    this.#rewrite(kind, owner, (object) =>
      withMetadata(object, {
        finalizers: (object.metadata.finalizers ?? []).filter((present) => present !== finalizer),
      }),
    );
  }

  #rewrite(kind: ResourceKind, seen: ApiObject, change: (object: ApiObject) => ApiObject): void {
    const { namespace = '', name } = seen.metadata;
    const current = this.#current(kind, seen.metadata);
    if (current === undefined) return;
    this.#registry.update(kind, namespace, name, () => change(current));
  }

  #current(
    kind: ResourceKind,
    sought: { readonly namespace?: string; readonly name: string; readonly uid: string },
  ): ApiObject | undefined {
    const object = this.#store.get(kind, sought.namespace ?? '', sought.name);
    return object?.metadata.uid === sought.uid ? object : undefined;
  }

  /**
   * The owners that an object names: those that exist, those that are gone, and those that wait for their dependents. If
   * one of them cannot be looked up, the object is left alone (fact 23), whatever the state of the others.
   */
  #classify(kind: ResourceKind, dependent: ApiObject): Owners {
    const owners: Owners = { solid: [], dangling: [], waiting: [] };
    for (const reference of dependent.metadata.ownerReferences ?? []) {
      const ownerKind = kindOf(reference.apiVersion, reference.kind);
      // The reference of a cluster-wide object cannot name the namespace of its owner.
      if (ownerKind === undefined || (ownerKind.namespaced && !kind.namespaced)) return NO_OWNERS;
      const owner = this.#store.get(ownerKind, dependent.metadata.namespace ?? '', reference.name);
      // The named object must have the named uid.
      if (owner?.metadata.uid !== reference.uid) owners.dangling.push(reference);
      else if (waitsForDependents(owner)) owners.waiting.push(reference);
      else owners.solid.push(reference);
    }
    return owners;
  }
}

interface Owners {
  readonly solid: OwnerReference[];
  readonly dangling: OwnerReference[];
  readonly waiting: OwnerReference[];
}

const NO_OWNERS: Owners = { solid: [], dangling: [], waiting: [] };

function waitsForDependents({ metadata }: ApiObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(FOREGROUND_FINALIZER);
}

/** The object, with owner references that do not block the deletion of their owners. */
function unblocked(object: ApiObject): ApiObject {
  const ownerReferences = (object.metadata.ownerReferences ?? []).map((reference) =>
    reference.blockOwnerDeletion === true ? { ...reference, blockOwnerDeletion: false } : reference,
  );
  return withMetadata(object, { ownerReferences });
}

function blocks(object: ApiObject, ownerUid: string): boolean {
  const references = object.metadata.ownerReferences ?? [];
  return references.some((reference) => reference.uid === ownerUid && reference.blockOwnerDeletion === true);
}
