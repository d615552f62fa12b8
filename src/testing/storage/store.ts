/**
 * Keeps the objects, counts one revision over all of them, and announces every write in the order of revisions. The rules
 * about their content are in the strategies.
 */

import { type ApiObject, withMetadata } from '../objects/api-object.ts';
import { type ResourceKind, storageKeyOf } from '../objects/resources.ts';
import { type HistoryBounds, WatchHistory, type WriteEvent, type WriteType } from './watch-history.ts';

/**
 * The revision before the first write. It is well above 1, so that the history of version 1 is gone, as on a server that
 * has run for a while.
 */
const FIRST_REVISION = 1000;

interface Collection {
  readonly objects: Map<string, ApiObject>;
  readonly history: WatchHistory;
  /** The keys in their order; undefined after a key was added or removed. */
  sortedKeys: readonly string[] | undefined;
}

/**
 * Read access to the objects of a server, for tests and checkers. It checks no permissions, and returns the objects as
 * they are stored.
 */
export interface StoreReader {
  /** The revision of the last write, which is also the largest resourceVersion. */
  readonly revision: number;
  /**
   * An object by its kind, namespace and name; undefined when it does not exist. Pass `''` as the namespace of a kind
   * without namespaces.
   */
  get(kind: ResourceKind, namespace: string, name: string): ApiObject | undefined;
  /**
   * The objects of a kind, in the order of namespaces and names.
   *
   * @param namespace @default all namespaces
   */
  list(kind: ResourceKind, namespace?: string): readonly ApiObject[];
}

/** All objects of the server. */
export class Store implements StoreReader {
  readonly #collections = new Map<string, Collection>();
  readonly #listeners = new Set<(event: WriteEvent) => void>();
  readonly #historyBounds: HistoryBounds;
  #revision: number = FIRST_REVISION;
  /** The history up to this revision is dropped, even for resources without a write so far. */
  #compactedAt: number = FIRST_REVISION;
  #undelivered: WriteEvent[] = [];
  #delivering = false;

  constructor(historyBounds: HistoryBounds) {
    this.#historyBounds = historyBounds;
  }

  get revision(): number {
    return this.#revision;
  }

  get(kind: ResourceKind, namespace: string, name: string): ApiObject | undefined {
    return this.#collection(kind).objects.get(objectKey(kind, namespace, name));
  }

  list(kind: ResourceKind, namespace?: string): readonly ApiObject[] {
    const collection = this.#collection(kind);
    collection.sortedKeys ??= [...collection.objects.keys()].sort();
    const prefix = namespace === undefined || !kind.namespaced ? '' : `${namespace}/`;
    const found: ApiObject[] = [];
    for (const key of collection.sortedKeys) {
      const object = key.startsWith(prefix) ? collection.objects.get(key) : undefined;
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  /** The objects as they were at `revision`, or undefined when that is too long ago (fact 17). */
  listAt(kind: ResourceKind, namespace: string | undefined, revision: number): readonly ApiObject[] | undefined {
    const collection = this.#collection(kind);
    const later = collection.history.since(revision);
    if (later === undefined) return undefined;
    if (later.length === 0) return this.list(kind, namespace);
    const objects = new Map(collection.objects);
    for (const event of later.toReversed()) {
      const key = objectKey(kind, event.object.metadata.namespace ?? '', event.object.metadata.name);
      if (event.previous === undefined) objects.delete(key);
      else objects.set(key, event.previous);
    }
    const prefix = namespace === undefined || !kind.namespaced ? '' : `${namespace}/`;
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => objects.get(key)).filter((object) => object !== undefined);
  }

  /** The past writes of a resource. */
  history(kind: ResourceKind): WatchHistory {
    return this.#collection(kind).history;
  }

  /** Stores a new or changed object, and returns it with its resourceVersion. */
  put(kind: ResourceKind, object: ApiObject): ApiObject {
    const collection = this.#collection(kind);
    const key = objectKey(kind, object.metadata.namespace ?? '', object.metadata.name);
    const previous = collection.objects.get(key);
    const revision = this.#nextRevision();
    const stored = withRevision(object, revision);
    collection.objects.set(key, stored);
    if (previous === undefined) collection.sortedKeys = undefined;
    this.#announce(collection, previous === undefined ? 'ADDED' : 'MODIFIED', kind, stored, previous, revision);
    return stored;
  }

  /** Removes the object. The event carries its last content with a resourceVersion of its own (fact 12). */
  remove(kind: ResourceKind, object: ApiObject): ApiObject {
    const collection = this.#collection(kind);
    const key = objectKey(kind, object.metadata.namespace ?? '', object.metadata.name);
    const previous = collection.objects.get(key) ?? object;
    const revision = this.#nextRevision();
    const removed = withRevision(previous, revision);
    collection.objects.delete(key);
    collection.sortedKeys = undefined;
    this.#announce(collection, 'DELETED', kind, removed, previous, revision);
    return removed;
  }

  /** How many objects and past writes are kept. */
  count(): { readonly objects: number; readonly history: number } {
    const collections = [...this.#collections.values()];
    return {
      objects: collections.reduce((sum, { objects }) => sum + objects.size, 0),
      history: collections.reduce((sum, { history }) => sum + history.size, 0),
    };
  }

  /** Drops all past writes: a watch from an earlier revision cannot be resumed. */
  compact(): void {
    this.#compactedAt = this.#revision;
    for (const collection of this.#collections.values()) collection.history.compact(this.#revision);
  }

  /** Calls back after every write, in the order of revisions. Returns the function that ends this. */
  onWrite(listener: (event: WriteEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #nextRevision(): number {
    this.#revision += 1;
    return this.#revision;
  }

  #announce(
    collection: Collection,
    type: WriteType,
    kind: ResourceKind,
    object: ApiObject,
    previous: ApiObject | undefined,
    revision: number,
  ): void {
    const event: WriteEvent = { type, kind, object, previous, revision };
    collection.history.add(event);
    this.#undelivered.push(event);
    // A listener may write as well. All listeners must still receive the writes in their order.
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let next = this.#undelivered.shift(); next !== undefined; next = this.#undelivered.shift()) {
        for (const listener of [...this.#listeners]) listener(next);
      }
    } finally {
      this.#delivering = false;
    }
  }

  #collection(kind: ResourceKind): Collection {
    const key = storageKeyOf(kind);
    let collection = this.#collections.get(key);
    if (collection === undefined) {
      const history = new WatchHistory(this.#compactedAt, this.#historyBounds);
      collection = { objects: new Map(), history, sortedKeys: undefined };
      this.#collections.set(key, collection);
    }
    return collection;
  }
}

function objectKey(kind: ResourceKind, namespace: string, name: string): string {
  return kind.namespaced ? `${namespace}/${name}` : name;
}

function withRevision(object: ApiObject, revision: number): ApiObject {
  return withMetadata(object, { resourceVersion: String(revision) });
}
