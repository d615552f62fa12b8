/**
 * Create, replace and delete, step by step as Kubernetes' generic registry does them: preconditions, defaults,
 * validation, finalizers, grace periods. The handlers check the user's permissions before, and write the answer after.
 */

import type { Clock } from '../../runtime/clock.ts';
import { type Random, randomUuid } from '../../runtime/random.ts';
import { strategyOf } from '../kinds/strategies.ts';
import type { Strategy } from '../kinds/strategy.ts';
import { validateMetadata, validateMetadataUpdate } from '../kinds/validation.ts';
import { type ApiObject, sameJson, withMetadata } from '../objects/api-object.ts';
import { formatTime, timeMs } from '../objects/go-time.ts';
import { EVENTS, NAMESPACES, type ResourceKind } from '../objects/resources.ts';
import {
  alreadyExists,
  internalError,
  invalid,
  invalidObject,
  modifiedConflict,
  notFound,
  preconditionConflict,
  qualifiedResource,
  resourceDetails,
  StatusError,
  uidConflict,
} from '../objects/status.ts';
import type { Store } from './store.ts';

/** The options of a DELETE, as they apply to the registry. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly dryRun?: boolean;
}

/** The result of a DELETE. */
export interface Deletion {
  /** The object: its present content, or its last one. */
  readonly object: ApiObject;
  /** False when a grace period or finalizers keep the object. */
  readonly removed: boolean;
}

/** The options of a create. */
export interface CreateOptions {
  readonly dryRun?: boolean;
  /** Called just before the write; throws when a webhook denies it. */
  readonly admit?: (object: ApiObject, current: undefined) => void;
}

/** The options of a replace. */
export interface UpdateOptions {
  readonly subresource?: string;
  readonly dryRun?: boolean;
  /** Called before a replace creates a missing object; throws when that is not allowed. */
  readonly mayCreate?: () => void;
  /** Called just before the write; throws when a webhook denies it. */
  readonly admit?: (next: ApiObject, current: ApiObject | undefined) => void;
  /** A uid in the content must be that of the object (fact 5). A patch checks this elsewhere. @default true */
  readonly checkUid?: boolean;
}

/** The finalizers that the garbage collector handles. */
export const ORPHAN_FINALIZER = 'orphan';
/** See ORPHAN_FINALIZER. */
export const FOREGROUND_FINALIZER = 'foregroundDeletion';

/** The letters of generated names. There are no vowels, and no letters that look alike. */
const NAME_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const GENERATED_LETTERS = 5;
/** A longer generateName is cut to this length, so that the letters fit into a label. */
const MAX_GENERATE_NAME_LENGTH = 58;

/** Writes objects by the rules of their kinds. */
export class Registry {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(store: Store, clock: Clock, random: Random) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  /** The object, or 404. */
  get(kind: ResourceKind, namespace: string, name: string): ApiObject {
    const object = this.#store.get(kind, namespace, name);
    if (object === undefined) throw notFound(kind, name);
    return object;
  }

  create(kind: ResourceKind, namespace: string, draft: ApiObject, options: CreateOptions = {}): ApiObject {
    if (draft.metadata.resourceVersion !== '') {
      throw internalError('resourceVersion should not be set on objects to be created');
    }
    this.#checkNamespace(kind, namespace);
    const strategy = strategyOf(kind);
    const { deletionTimestamp: _time, deletionGracePeriodSeconds: _grace, ...metadata } = draft.metadata;
    const named = withMetadata(
      { ...draft, metadata },
      {
        name: this.#nameOf(draft),
        namespace: kind.namespaced ? namespace : undefined,
        uid: randomUuid(this.#random),
        creationTimestamp: formatTime(this.#clock.wallMs()),
      },
    );
    const object = strategy.prepareForCreate(named);
    const errors = [...validateMetadata(object.metadata, strategy.nameRule), ...strategy.validate(object)];
    if (errors.length > 0)
      throw invalidObject(kind.storedAs === undefined ? kind : EVENTS, object.metadata.name, errors);
    options.admit?.(object, undefined);
    const existing = this.#store.get(kind, namespace, object.metadata.name);
    if (existing !== undefined) {
      throw alreadyExists(kind, object.metadata.name, existing.metadata.deletionTimestamp !== undefined);
    }
    return options.dryRun === true ? object : this.#store.put(kind, object);
  }

  /**
   * Replaces an object, or creates it where the kind allows that.
   *
   * @param draftOf makes the new content from the present one
   */
  update(
    kind: ResourceKind,
    namespace: string,
    name: string,
    draftOf: (current: ApiObject | undefined) => ApiObject,
    options: UpdateOptions = {},
  ): { readonly object: ApiObject; readonly created: boolean } {
    const strategy = strategyOf(kind);
    const current = this.#store.get(kind, namespace, name);
    const draft = draftOf(current);
    if (current === undefined) {
      return { object: this.#createOnUpdate(kind, namespace, name, draft, strategy, options), created: true };
    }
    const subresource = options.subresource ?? '';
    if (options.checkUid !== false) checkUid(kind, namespace, draft, current);
    this.#checkVersions(kind, draft, current, strategy);
    const prepared = strategy.prepareForUpdate(draft, current, subresource);
    const next = keepServerFields(prepared, current);
    const errors = [
      ...validateMetadataUpdate(next.metadata, current.metadata),
      ...strategy.validateUpdate(next, current, subresource),
    ];
    if (errors.length > 0) throw invalidObject(kind.storedAs === undefined ? kind : EVENTS, name, errors);
    options.admit?.(next, current);
    if (sameJson(next, current)) return { object: current, created: false };
    if (isReleased(next)) {
      // The last finalizer is gone: the object is removed with its previous content.
      if (options.dryRun !== true) this.#store.remove(kind, current);
      return { object: next, created: false };
    }
    return { object: options.dryRun === true ? next : this.#store.put(kind, next), created: false };
  }

  /** Changes an object as a part of the control plane does: the rules for clients do not apply. */
  change(kind: ResourceKind, namespace: string, name: string, change: (current: ApiObject) => ApiObject): ApiObject {
    const current = this.get(kind, namespace, name);
    const next = change(current);
    return sameJson(next, current) ? current : this.#store.put(kind, next);
  }

  /** @param admit called just before the write; throws when a webhook denies it */
  delete(
    kind: ResourceKind,
    namespace: string,
    name: string,
    options: DeleteOptions = {},
    admit?: (current: ApiObject) => void,
  ): Deletion {
    const current = this.get(kind, namespace, name);
    checkPreconditions(kind, current, options);
    const plan = this.#planDeletion(kind, current, options);
    const dryRun = options.dryRun === true;
    if (plan === 'pending') return { object: current, removed: false };
    admit?.(current);
    if (plan === 'now') {
      if (!dryRun) this.#store.remove(kind, current);
      return { object: current, removed: true };
    }
    const unchanged = sameJson(plan.marked, current);
    const marked = unchanged || dryRun ? plan.marked : this.#store.put(kind, plan.marked);
    const stillThere = this.#store.get(kind, namespace, name)?.metadata.uid === marked.metadata.uid;
    if (plan.removed && !dryRun && stillThere) {
      // Two writes, and the answer has the version of the second (fact 21).
      return { object: this.#store.remove(kind, marked), removed: true };
    }
    return { object: marked, removed: plan.removed };
  }

  /**
   * Kubernetes' BeforeDelete and its handling of finalizers. `now` removes the object as it is. `pending` changes nothing,
   * because a deletion has begun. Otherwise the object is marked first.
   */
  #planDeletion(
    kind: ResourceKind,
    current: ApiObject,
    options: DeleteOptions,
  ): 'now' | 'pending' | { readonly marked: ApiObject; readonly removed: boolean } {
    const { metadata } = current;
    const now = this.#clock.wallMs();
    let marked = current;
    let grace: number | undefined;
    if (metadata.deletionTimestamp === undefined) {
      grace = strategyOf(kind).gracePeriodSeconds(current, options.gracePeriodSeconds);
      if (grace !== undefined) marked = markedAt(current, now + grace * 1000, grace);
    } else if ((metadata.deletionGracePeriodSeconds ?? 0) > 0) {
      const before = metadata.deletionGracePeriodSeconds ?? 0;
      const asked = atLeastOne(options.gracePeriodSeconds);
      // A grace period can be shortened, not lengthened, and counts from the first DELETE (fact 21).
      if (asked === undefined || asked >= before) return 'pending';
      grace = asked;
      // The end of the shorter period is never in the past (wire recording token-bound-terminating).
      const end = Math.max(timeMs(metadata.deletionTimestamp) + (asked - before) * 1000, now);
      marked = withMetadata(current, { deletionTimestamp: formatTime(end), deletionGracePeriodSeconds: asked });
    }
    const finalizers = finalizersAfter(metadata.finalizers ?? [], options);
    marked = withMetadata(marked, { finalizers });
    const { terminating } = strategyOf(kind);
    if (terminating !== undefined) {
      const first = metadata.deletionTimestamp === undefined;
      return { marked: first ? terminating(markedAt(marked, now, 0)) : marked, removed: false };
    }
    if (finalizers.length > 0) {
      const held = grace === undefined && metadata.deletionTimestamp === undefined ? markedAt(marked, now, 0) : marked;
      return { marked: held, removed: false };
    }
    if (grace === undefined) return 'now';
    return { marked, removed: grace === 0 };
  }

  #createOnUpdate(
    kind: ResourceKind,
    namespace: string,
    name: string,
    draft: ApiObject,
    strategy: Strategy,
    options: UpdateOptions,
  ): ApiObject {
    const { uid } = draft.metadata;
    if (!strategy.createsOnUpdate) throw notFound(kind, name);
    if (uid !== '') throw uidConflict(kind, namespace, name, uid, '');
    options.mayCreate?.();
    return this.create(kind, namespace, withMetadata(draft, { resourceVersion: '' }), options);
  }

  #checkVersions(kind: ResourceKind, draft: ApiObject, current: ApiObject, strategy: Strategy): void {
    const { name, resourceVersion } = draft.metadata;
    if (resourceVersion !== '' && !/^\d+$/.test(resourceVersion)) {
      throw internalError(`strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: invalid syntax`);
    }
    if (resourceVersion === '' || Number(resourceVersion) === 0) {
      if (strategy.overwritesUnconditionally) return;
      const error = {
        type: 'Invalid',
        field: 'metadata.resourceVersion',
        value: 0,
        detail: 'must be specified for an update',
      } as const;
      throw invalid(`${qualifiedResource(kind)} ${JSON.stringify(name)}`, resourceDetails(kind, name), [error]);
    }
    if (resourceVersion !== current.metadata.resourceVersion) throw modifiedConflict(kind, name);
  }

  #checkNamespace(kind: ResourceKind, namespace: string): void {
    if (!kind.namespaced) return;
    const found = this.#store.get(NAMESPACES, '', namespace);
    if (found === undefined) throw notFound(NAMESPACES, namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    const message = `unable to create new content in namespace ${namespace} because it is being terminated`;
    throw new StatusError(403, 'Forbidden', message, resourceDetails(kind, ''));
  }

  #nameOf(draft: ApiObject): string {
    const { name, generateName } = draft.metadata;
    if (name !== '' || generateName === undefined) return name;
    let letters = '';
    for (let count = 0; count < GENERATED_LETTERS; count += 1) {
      letters += NAME_LETTERS[Math.floor(this.#random.next() * NAME_LETTERS.length)];
    }
    return generateName.slice(0, MAX_GENERATE_NAME_LENGTH) + letters;
  }
}

function checkUid(kind: ResourceKind, namespace: string, draft: ApiObject, current: ApiObject): void {
  const { name, uid } = draft.metadata;
  if (uid !== '' && uid !== current.metadata.uid) throw uidConflict(kind, namespace, name, uid, current.metadata.uid);
}

/** The fields of metadata that only the server sets. Validation checks the fields that a client may send but not change. */
function keepServerFields(next: ApiObject, current: ApiObject): ApiObject {
  const before = current.metadata;
  const { uid, resourceVersion: _sent, ...sent } = next.metadata;
  return withMetadata(
    { ...next, metadata: { ...sent, uid: uid === '' ? before.uid : uid, resourceVersion: before.resourceVersion } },
    {
      namespace: before.namespace,
      creationTimestamp: before.creationTimestamp,
      deletionTimestamp: before.deletionTimestamp ?? sent.deletionTimestamp,
      deletionGracePeriodSeconds: sent.deletionGracePeriodSeconds ?? before.deletionGracePeriodSeconds,
      generation:
        next.metadata.generation !== undefined && next.kind === 'Pod' ? next.metadata.generation : before.generation,
    },
  );
}

/** The write that takes the last finalizer or the grace period from a marked object also removes the object. */
function isReleased(object: ApiObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  return deletionTimestamp !== undefined && (deletionGracePeriodSeconds ?? 0) === 0 && (finalizers ?? []).length === 0;
}

function markedAt(object: ApiObject, atMs: number, graceSeconds: number): ApiObject {
  const { generation } = object.metadata;
  return withMetadata(object, {
    deletionTimestamp: formatTime(atMs),
    deletionGracePeriodSeconds: graceSeconds,
    generation: generation === undefined ? undefined : generation + 1,
  });
}

/** A grace period below zero counts as one second. */
function atLeastOne(graceSeconds: number | undefined): number | undefined {
  return graceSeconds !== undefined && graceSeconds < 0 ? 1 : graceSeconds;
}

/** The finalizers, with that of the policy and without those of the other policies; the same list if nothing changes. */
function finalizersAfter(finalizers: readonly string[], options: DeleteOptions): readonly string[] {
  const after = withPolicy(finalizers, options);
  const same = after.length === finalizers.length && after.every((finalizer) => finalizers.includes(finalizer));
  return same ? finalizers : after;
}

function withPolicy(finalizers: readonly string[], { propagationPolicy }: DeleteOptions): readonly string[] {
  if (propagationPolicy === undefined) return finalizers;
  const others = finalizers.filter((finalizer) => finalizer !== ORPHAN_FINALIZER && finalizer !== FOREGROUND_FINALIZER);
  if (propagationPolicy === 'Orphan') return [...others, ORPHAN_FINALIZER];
  if (propagationPolicy === 'Foreground') return [...others, FOREGROUND_FINALIZER];
  return others;
}

/** Throws 409 when the preconditions name another object, or another version of it. */
export function checkPreconditions(kind: ResourceKind, current: ApiObject, options: DeleteOptions): void {
  const { name, uid, resourceVersion } = current.metadata;
  const wanted = options.preconditions;
  if (wanted?.uid !== undefined && wanted.uid !== uid) {
    throw preconditionConflict(kind, name, 'UID', wanted.uid, uid);
  }
  if (wanted?.resourceVersion !== undefined && wanted.resourceVersion !== resourceVersion) {
    throw preconditionConflict(kind, name, 'ResourceVersion', wanted.resourceVersion, resourceVersion);
  }
}
