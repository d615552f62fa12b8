/**
 * Admission webhooks of a test. They see each write of a client before it is stored, and change it or deny it. Their
 * place in the order of a write is in write-requests.ts and registry.ts. The garbage collector and the test's own
 * control plane are exempt, as most policies of a real cluster exempt `kube-system`.
 */

import { checkKeys, checkWholeNumber, checkWord } from '../../runtime/argument-check.ts';
import { decodeValue } from '../formats/decoding.ts';
import { toServed, toStored } from '../kinds/event-strategy.ts';
import { type ApiObject, encodeObject, isJsonObject, type JsonObject, sameJson } from '../objects/api-object.ts';
import { RESOURCE_KINDS } from '../objects/resources.ts';
import { StatusError } from '../objects/status.ts';
import type { ResourceContext } from './api-request.ts';

/** What a webhook is called for. A patch is an update, and a `deletecollection` one delete for each object. */
export type WebhookVerb = 'create' | 'update' | 'delete';

/** The write that a webhook is called for. */
export interface AdmissionRequest {
  readonly verb: WebhookVerb;
  /** In the plural, such as `leases`; with its subresource, such as `pods/status`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  /** The name of the user, such as `system:serviceaccount:default:default`. */
  readonly user: string;
  /** What is to be written; undefined for a delete. */
  readonly object: ApiObject | undefined;
  /** What is stored; undefined for a create. */
  readonly oldObject: ApiObject | undefined;
}

/** The answer of a webhook that denies. */
export interface Denial {
  /** The HTTP status of the refusal: a webhook that names none refuses with 400. @default 400 */
  readonly code?: number | undefined;
  /** Stands after `admission webhook "NAME" denied the request: `. @default none: `… without explanation` */
  readonly message?: string | undefined;
}

/** A webhook to be added; it denies, mutates, or does both. */
export interface WebhookOptions {
  /** A domain name, such as `policy.example.com`. */
  readonly name: string;
  /** @default all three */
  readonly verbs?: WebhookVerb | readonly WebhookVerb[] | undefined;
  /** In the plural, such as `leases`, or `pods/status`. @default every resource */
  readonly resource?: string | readonly string[] | undefined;
  /** Refuses each such write, or those for which the function returns a denial. Called after all `mutate`. */
  readonly deny?: Denial | ((request: AdmissionRequest) => Denial | undefined) | undefined;
  /** Returns what is written instead. Its argument is a copy, and may be changed and returned. Not called for a delete. */
  readonly mutate?: ((object: ApiObject, request: AdmissionRequest) => ApiObject) | undefined;
}

/** How many webhooks one server takes. */
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

/** A webhook that was added. */
export class Webhook {
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

  /** Takes the webhook away. A second call does nothing. */
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

  /** @throws {TypeError | RangeError} for a wrong option; {Error} beyond the bound */
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

  /** What is written instead of a new content. */
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

/** A real server reads what a webhook returns as it reads a body: types are checked, unknown fields are dropped. */
function decodeMutated({ kind }: ResourceContext, mutated: JsonObject): ApiObject {
  return decodeValue(kind, mutated, { duplicateFields: [], numberTexts: new Map() }).object;
}

/** The object as a client would read it: what the server sets later is absent, not empty. */
function copyOf(object: ApiObject): ApiObject {
  return JSON.parse(encodeObject(object)) as ApiObject;
}

/**
 * The refusal in the words of a real server (kubernetes: apiserver/pkg/admission/plugin/webhook/errors/statuserror.go,
 * ToStatusErr). It takes the Status of the webhook. The common frameworks name a reason with 403, and none with 400.
 */
function deniedBy(name: string, { code = DEFAULT_DENIAL_CODE, message = '' }: Denial): StatusError {
  const refusal = `admission webhook ${JSON.stringify(name)} denied the request`;
  const words = message === '' ? `${refusal} without explanation` : `${refusal}: ${message}`;
  return new StatusError(code, code === 403 ? 'Forbidden' : undefined, words);
}

/** A real server makes 400 of a refusal without a status. */
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
