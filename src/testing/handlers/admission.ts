/**
 * Admission webhooks of a test. They receive each write of a client before it is stored, and change it or deny it.
 * write.ts and registry.ts call them, each in the order of a real server. The garbage collector and the test's own
 * control plane are exempt, as most policies of a real cluster exempt `kube-system`.
 */

import { checkKeys, checkWholeNumber, checkWord } from '../../runtime/argument-check.ts';
import { decodeValue } from '../formats/decoding.ts';
import { toServed, toStored } from '../kinds/event-strategy.ts';
import { type ApiObject, encodeObject, isJsonObject, type JsonObject, sameJson } from '../objects/api-object.ts';
import { RESOURCE_KINDS } from '../objects/resources.ts';
import { StatusError } from '../objects/status.ts';
import type { ResourceContext } from './api-request.ts';

/** The verbs that a webhook can be called for. A patch is an update; a `deletecollection` is one delete for each object. */
export type WebhookVerb = 'create' | 'update' | 'delete';

/** The write that a webhook is called for. */
export interface AdmissionRequest {
  /** The kind of write. A patch is an `update`. */
  readonly verb: WebhookVerb;
  /** The plural, such as `leases`; with its subresource, such as `pods/status`. */
  readonly resource: string;
  /** The namespace of the object; empty for a resource without namespaces. */
  readonly namespace: string;
  /** The name of the object. It is empty when a create leaves the name to the server (`generateName`). */
  readonly name: string;
  /** The name of the user, such as `system:serviceaccount:default:default`. */
  readonly user: string;
  /** The new content; undefined for a delete. */
  readonly object: ApiObject | undefined;
  /** The stored object; undefined for a create. */
  readonly oldObject: ApiObject | undefined;
}

/** The refusal of a webhook. */
export interface Denial {
  /** The HTTP status of the refusal. @default 400, as for a webhook that names no status */
  readonly code?: number | undefined;
  /** The text after `admission webhook "NAME" denied the request: `. @default none: `… without explanation` */
  readonly message?: string | undefined;
}

/**
 * The options of a webhook; it denies, mutates, or does both.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * cluster.addWebhook({
 *   name: 'frozen.example.com',
 *   verbs: ['update', 'delete'],
 *   resource: 'leases',
 *   deny: ({ user }) => (user === 'admin' ? undefined : { code: 403, message: 'Leases are frozen' }),
 * });
 * cluster.addWebhook({
 *   name: 'labels.example.com',
 *   resource: 'leases',
 *   mutate: (lease) => ({ ...lease, metadata: { ...lease.metadata, labels: { team: 'web' } } }),
 * });
 * await cluster.stop();
 * ```
 */
export interface WebhookOptions {
  /** A domain name, such as `policy.example.com`. The answer to a denied write contains it. */
  readonly name: string;
  /** The verbs of the writes that it is called for. @default all three */
  readonly verbs?: WebhookVerb | readonly WebhookVerb[] | undefined;
  /** The plural, such as `leases`, or `pods/status`. @default every resource */
  readonly resource?: string | readonly string[] | undefined;
  /** Refuses each such write, or those for which the function returns a denial. Called after all `mutate`. */
  readonly deny?: Denial | ((request: AdmissionRequest) => Denial | undefined) | undefined;
  /** Returns the content to write instead. Its argument is a copy, which it may change and return. Not called for a delete. */
  readonly mutate?: ((object: ApiObject, request: AdmissionRequest) => ApiObject) | undefined;
}

/** The largest number of webhooks of one server. */
const MAX_WEBHOOKS = 100;

const WEBHOOK_KEYS = ['name', 'verbs', 'resource', 'deny', 'mutate'];
const VERBS: readonly string[] = ['create', 'update', 'delete'] satisfies readonly WebhookVerb[];
const RESOURCES: readonly string[] = [
  ...new Set(
    RESOURCE_KINDS.flatMap(({ resource, subresources }) =>
      subresources.includes('status') ? [resource, `${resource}/status`] : [resource],
    ),
  ),
];

/**
 * A webhook that `addWebhook` has added. It is in force until it is removed.
 *
 * @example
 * ```ts
 * import { EmbeddedCluster } from 'lease-elector/testing';
 *
 * const cluster = await EmbeddedCluster.start();
 * const webhook = cluster.addWebhook({ name: 'policy.example.com', verbs: 'delete', deny: {} });
 * console.log(webhook.name, webhook.hits); // policy.example.com 0
 * webhook.remove();
 * await cluster.stop();
 * ```
 */
export class Webhook {
  /** The name from its options. The answers that deny a write contain it. */
  readonly name: string;
  readonly #remove: () => void;
  #hits = 0;

  /** @internal */
  constructor(name: string, remove: () => void) {
    this.name = name;
    this.#remove = remove;
  }

  /** How many writes it has denied or changed. */
  get hits(): number {
    return this.#hits;
  }

  /** Removes the webhook. A second call does nothing. */
  remove(): void {
    this.#remove();
  }

  /** The same as `remove()`, for `using`. */
  [Symbol.dispose](): void {
    this.remove();
  }

  /** @internal */
  hit(): void {
    this.#hits += 1;
  }
}

interface Entry {
  readonly webhook: Webhook;
  readonly options: WebhookOptions;
  readonly verbs: readonly string[] | undefined;
  readonly resources: readonly string[] | undefined;
}

/** The webhooks of a server, in the order in which they were added. */
export class Admission {
  readonly #entries = new Map<Webhook, Entry>();

  /** @throws {TypeError | RangeError} for an invalid option; {Error} beyond the limit */
  add(options: WebhookOptions): Webhook {
    const entry = this.#entryOf(options);
    if (this.#entries.size >= MAX_WEBHOOKS) throw new Error(`addWebhook: there are ${MAX_WEBHOOKS}; remove() some`);
    this.#entries.set(entry.webhook, entry);
    return entry.webhook;
  }

  #entryOf(options: WebhookOptions): Entry {
    checkKeys('addWebhook', options, WEBHOOK_KEYS);
    const { name, deny, mutate } = options;
    if (typeof name !== 'string' || name === '') throw new TypeError('addWebhook needs a name, as policy.example.com');
    const verbs = listOf(options.verbs);
    const resources = listOf(options.resource);
    for (const verb of verbs ?? []) checkWord('addWebhook, verbs,', verb, VERBS);
    for (const resource of resources ?? []) checkWord('addWebhook, resource,', resource, RESOURCES);
    if (deny === undefined && mutate === undefined) throw new TypeError('addWebhook needs deny or mutate');
    if (mutate !== undefined && typeof mutate !== 'function')
      throw new TypeError('addWebhook, mutate, must be a function');
    if (deny !== undefined && typeof deny !== 'function') checkDenial(deny);
    const webhook: Webhook = new Webhook(name, () => this.#entries.delete(webhook));
    return { webhook, options, verbs, resources };
  }

  /** Returns the new content after the changes of the webhooks. */
  mutate(context: ResourceContext, object: ApiObject, oldObject: ApiObject | undefined): ApiObject {
    if (this.#entries.size === 0) return object;
    let current = object;
    for (const { webhook, options } of this.#called(context, oldObject === undefined ? 'create' : 'update')) {
      if (options.mutate === undefined) continue;
      const given = toServed(context.kind, current);
      const request = requestOf(context, oldObject === undefined ? 'create' : 'update', current, oldObject);
      const mutated = options.mutate(copyOf(given), request);
      if (!isJsonObject(mutated)) throw new TypeError(`the webhook ${webhook.name} must return an object from mutate`);
      const changed = decodeMutated(context, mutated);
      if (!sameJson(changed, given)) webhook.hit();
      current = toStored(context.kind, changed);
    }
    return current;
  }

  /** Throws when a webhook denies a write, just before it is stored. */
  check(context: ResourceContext, object: ApiObject | undefined, oldObject: ApiObject | undefined): void {
    if (this.#entries.size === 0) return;
    const verb = object === undefined ? 'delete' : oldObject === undefined ? 'create' : 'update';
    for (const { webhook, options } of this.#called(context, verb)) {
      const { deny } = options;
      const denial = typeof deny === 'function' ? deny(requestOf(context, verb, object, oldObject)) : deny;
      if (denial === undefined) continue;
      checkDenial(denial);
      webhook.hit();
      throw deniedBy(webhook.name, denial);
    }
  }

  #called({ kind, info }: ResourceContext, verb: WebhookVerb): readonly Entry[] {
    const resource = resourceOf(kind.resource, info.subresource);
    return [...this.#entries.values()].filter(
      ({ verbs, resources }) =>
        (verbs === undefined || verbs.includes(verb)) && (resources === undefined || resources.includes(resource)),
    );
  }
}

function resourceOf(resource: string, subresource: string): string {
  return subresource === '' ? resource : `${resource}/${subresource}`;
}

function requestOf(
  { kind, info, namespace, user }: ResourceContext,
  verb: WebhookVerb,
  object: ApiObject | undefined,
  oldObject: ApiObject | undefined,
): AdmissionRequest {
  return {
    verb,
    resource: resourceOf(kind.resource, info.subresource),
    namespace: oldObject?.metadata.namespace ?? namespace,
    name: (object ?? oldObject)?.metadata.name ?? info.name,
    user: user.username,
    object: object && toServed(kind, object),
    oldObject: oldObject && toServed(kind, oldObject),
  };
}

/** A real server reads the result of a webhook as it reads a body: types are checked, unknown fields are dropped. */
function decodeMutated({ kind }: ResourceContext, mutated: JsonObject): ApiObject {
  return decodeValue(kind, mutated, { duplicateFields: [], numberTexts: new Map() }).object;
}

/** The object as a client would read it: fields that the server sets later are absent, not empty. */
function copyOf(object: ApiObject): ApiObject {
  return JSON.parse(encodeObject(object)) as ApiObject;
}

/**
 * The refusal in the words of a real server (kubernetes: apiserver/pkg/admission/plugin/webhook/errors/statuserror.go,
 * ToStatusErr). It uses the Status of the webhook. The common frameworks set a reason with 403, and none with 400.
 */
function deniedBy(name: string, { code = DEFAULT_DENIAL_CODE, message = '' }: Denial): StatusError {
  const refusal = `admission webhook ${JSON.stringify(name)} denied the request`;
  const words = message === '' ? `${refusal} without explanation` : `${refusal}: ${message}`;
  return new StatusError(code, code === 403 ? 'Forbidden' : undefined, words);
}

/** A real server answers 400 for a refusal without a status. */
const DEFAULT_DENIAL_CODE = 400;

function checkDenial(denial: unknown): void {
  checkKeys('addWebhook, deny,', denial, ['code', 'message']);
  const { code = DEFAULT_DENIAL_CODE, message = '' } = denial as Denial;
  checkWholeNumber('addWebhook, deny, code,', code, 400, 599);
  if (typeof message !== 'string') throw new TypeError('addWebhook, deny, message, must be a text');
}

function listOf(given: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof given === 'string' ? [given] : given;
}
