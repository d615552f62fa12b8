/**
 * The namespace and service account controllers: a new namespace gets its service account
 * `default`, a deleted one is emptied and then removed.
 */

import type { ApiObject } from '../objects/api-object.ts';
import { NAMESPACES, RESOURCE_KINDS, SERVICE_ACCOUNTS } from '../objects/resources.ts';
import type { Registry } from '../storage/registry.ts';
import type { Store } from '../storage/store.ts';
import type { WriteEvent } from '../storage/watch-history.ts';

const NO_METADATA = { uid: '', resourceVersion: '', creationTimestamp: '' } as const;

/** Follows the namespaces. */
export class NamespaceLifecycle {
  readonly #store: Store;
  readonly #registry: Registry;
  readonly stop: () => void;

  constructor(store: Store, registry: Registry) {
    this.#store = store;
    this.#registry = registry;
    this.stop = store.onWrite((event) => this.#observe(event));
  }

  create(name: string): void {
    if (this.#store.get(NAMESPACES, '', name) !== undefined) return;
    this.#registry.create(NAMESPACES, '', { kind: 'Namespace', apiVersion: 'v1', metadata: { name, ...NO_METADATA } });
  }

  #observe({ type, kind, object }: WriteEvent): void {
    if (kind === NAMESPACES && type === 'ADDED') this.#addServiceAccount(object.metadata.name);
    if (kind === NAMESPACES && type === 'MODIFIED' && object.metadata.deletionTimestamp !== undefined) {
      this.#empty(object);
    }
    if (kind.namespaced && type === 'DELETED') this.#removeIfEmpty(object.metadata.namespace ?? '');
  }

  #addServiceAccount(namespace: string): void {
    const account = { kind: 'ServiceAccount', apiVersion: 'v1', metadata: { name: 'default', ...NO_METADATA } };
    this.#registry.create(SERVICE_ACCOUNTS, namespace, account);
  }

  #empty(namespace: ApiObject): void {
    const { name } = namespace.metadata;
    for (const kind of RESOURCE_KINDS) {
      if (!kind.namespaced || kind.storedAs !== undefined) continue;
      for (const { metadata } of this.#store.list(kind, name)) {
        // No kubelet would confirm the end of the Pods, so they are removed at once. Objects with finalizers still stay.
        this.#registry.delete(kind, name, metadata.name, { gracePeriodSeconds: 0 });
      }
    }
    this.#removeIfEmpty(name);
  }

  #removeIfEmpty(name: string): void {
    const namespace = this.#store.get(NAMESPACES, '', name);
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    const left = RESOURCE_KINDS.some((kind) => kind.namespaced && this.#store.list(kind, name).length > 0);
    if (!left) this.#store.remove(NAMESPACES, namespace);
  }
}
