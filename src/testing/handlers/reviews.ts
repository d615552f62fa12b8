/**
 * Requests whose body is not stored: tokens for service accounts, reviews of tokens and of access, evictions, and
 * bindings of Pods to nodes.
 */

import type { Clock } from '../../runtime/clock.ts';
import { type Authenticator, DEFAULT_TOKEN_SECONDS } from '../access/authentication.ts';
import type { Authorizer } from '../access/authorization.ts';
import { readToken, TOKEN_ISSUER } from '../access/tokens.ts';
import { decodeFields, FieldTypeError, readBody, readObjectBody } from '../formats/decoding.ts';
import { JsonSyntaxError } from '../formats/json-reader.ts';
import { bindPod, withCondition } from '../kinds/pod-strategy.ts';
import { type ApiObject, isJsonObject, type JsonObject, withMetadata } from '../objects/api-object.ts';
import { formatTime, TimeSyntaxError } from '../objects/go-time.ts';
import { PODS, type ReviewKind, SERVICE_ACCOUNTS, TOKEN_REVIEWS } from '../objects/resources.ts';
import { OBJECT_META, OBJECT_REFERENCE, type StructType } from '../objects/schemas.ts';
import { badRequest, conflict, internalError, invalid, StatusError } from '../objects/status.ts';
import { checkPreconditions, type Registry } from '../storage/registry.ts';
import { type ApiResponse, jsonResponse, type RequestContext, type ResourceContext } from './api-request.ts';
import { checkDeleteOptions, DELETE_OPTIONS } from './delete-options.ts';
import { readWriteOptions } from './list-options.ts';

/** The shortest lifetime of a token in seconds (wire recording token-bound-to-pod). */
const MIN_TOKEN_SECONDS = 600;
/** The longest lifetime of a token in seconds. */
const MAX_TOKEN_SECONDS = 2 ** 32;

/** Answers reviews. */
export class Reviews {
  readonly #registry: Registry;
  readonly #authenticator: Authenticator;
  readonly #authorizer: Authorizer;
  readonly #clock: Clock;

  constructor(registry: Registry, authenticator: Authenticator, authorizer: Authorizer, clock: Clock) {
    this.#registry = registry;
    this.#authenticator = authenticator;
    this.#authorizer = authorizer;
    this.#clock = clock;
  }

  review(kind: ReviewKind, context: RequestContext): ApiResponse {
    const spec = specOf(context);
    const status = kind === TOKEN_REVIEWS ? this.#reviewToken(spec) : this.#reviewAccess(spec, context);
    const apiVersion = `${kind.group}/${kind.version}`;
    return jsonResponse(201, JSON.stringify({ kind: kind.kind, apiVersion, metadata: {}, spec, status }));
  }

  #reviewToken(spec: JsonObject): JsonObject {
    const given = spec['audiences'];
    const requested = Array.isArray(given) && given.length > 0 ? given.map(String) : [TOKEN_ISSUER];
    const token = String(spec['token'] ?? '');
    const user = this.#authenticator.review(token, requested);
    if (user === undefined) return { user: {}, error: '[invalid bearer token, token lookup failed]' };
    // The requested audiences for which the token was issued.
    const audiences = requested.filter((audience) => readToken(token)?.aud.includes(audience));
    return { authenticated: true, user, audiences };
  }

  #reviewAccess(spec: JsonObject, context: RequestContext): JsonObject {
    const resource = isJsonObject(spec['resourceAttributes']) ? spec['resourceAttributes'] : undefined;
    const path = isJsonObject(spec['nonResourceAttributes']) ? spec['nonResourceAttributes'] : {};
    const text = (from: JsonObject, field: string): string => (typeof from[field] === 'string' ? from[field] : '');
    const from = resource ?? path;
    const namespace = text(from, 'namespace');
    const decision = this.#authorizer.decide(context.user, {
      verb: text(from, 'verb'),
      isResource: resource !== undefined,
      path: text(from, 'path'),
      group: text(from, 'group'),
      resource: text(from, 'resource'),
      subresource: text(from, 'subresource'),
      namespace: namespace === '' ? undefined : namespace,
      name: text(from, 'name'),
    });
    return { allowed: decision.allowed, ...(decision.reason === '' ? {} : { reason: decision.reason }) };
  }

  /** A token for a service account, optionally bound to a Pod (fact 30). */
  requestToken(context: ResourceContext): ApiResponse {
    const { namespace, info } = context;
    const spec = tokenRequestSpec(context);
    const account = this.#registry.get(SERVICE_ACCOUNTS, namespace, info.name);
    const expirationSeconds =
      typeof spec['expirationSeconds'] === 'number' ? spec['expirationSeconds'] : DEFAULT_TOKEN_SECONDS;
    checkExpiration(expirationSeconds);
    const bound = isJsonObject(spec['boundObjectRef']) ? spec['boundObjectRef'] : undefined;
    const pod = bound === undefined ? undefined : this.#boundPod(namespace, bound);
    const given = spec['audiences'];
    const audiences = Array.isArray(given) && given.length > 0 ? given.map(String) : [TOKEN_ISSUER];
    const { name, uid } = account.metadata;
    const { token, claims } = this.#authenticator.issue({
      namespace,
      serviceAccount: { name, uid },
      ...(pod === undefined ? {} : { pod }),
      audiences,
      expirationSeconds,
    });
    const boundObjectRef = pod === undefined ? null : { kind: 'Pod', apiVersion: 'v1', name: pod.name, uid: pod.uid };
    return jsonResponse(
      201,
      JSON.stringify({
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { name, namespace, uid, creationTimestamp: formatTime(this.#clock.wallMs()) },
        spec: { audiences, expirationSeconds, boundObjectRef },
        status: { token, expirationTimestamp: formatTime(claims.exp * 1000) },
      }),
    );
  }

  #boundPod(namespace: string, bound: JsonObject): { name: string; uid: string; nodeName?: string } {
    const [apiVersion, kind] = [String(bound['apiVersion'] ?? ''), String(bound['kind'] ?? '')];
    if (apiVersion !== 'v1' || kind !== 'Pod') {
      const shown = apiVersion.includes('/') ? `${apiVersion}, Kind=${kind}` : `/${apiVersion}, Kind=${kind}`;
      throw badRequest(`cannot bind token to object of type ${shown}`);
    }
    const pod = this.#registry.get(PODS, namespace, String(bound['name'] ?? ''));
    const { name, uid } = pod.metadata;
    const requested = bound['uid'];
    if (typeof requested === 'string' && requested !== '' && requested !== uid) {
      const message =
        `Operation cannot be fulfilled on Pod ${JSON.stringify(name)}: the UID in the bound object reference (${requested}) ` +
        'does not match the UID in record. The object might have been deleted and then recreated';
      throw new StatusError(409, 'Conflict', message, { name, kind: 'Pod' });
    }
    const nodeName = pod.spec?.['nodeName'];
    return typeof nodeName === 'string' && nodeName !== '' ? { name, uid, nodeName } : { name, uid };
  }

  /**
   * An eviction is a deletion that a budget can forbid; this server checks no budgets (wire recording pod-eviction).
   */
  evict(context: ResourceContext): ApiResponse {
    const { namespace, info, query } = context;
    const { dryRun } = readWriteOptions(query, 'CreateOptions');
    const body = structOf(context, 'Eviction', EVICTION);
    if (nameIn(body) !== info.name) throw badRequest('name in URL does not match name in Eviction object');
    const given: JsonObject = isJsonObject(body['deleteOptions']) ? body['deleteOptions'] : {};
    const requested = Array.isArray(given['dryRun']) && given['dryRun'].length > 0;
    const dry = requested || dryRun;
    const preconditions: JsonObject = isJsonObject(given['preconditions']) ? given['preconditions'] : {};
    if (!dry) {
      const { resourceVersion } = this.#registry.change(PODS, namespace, info.name, (pod) => {
        checkPreconditions(PODS, pod, { preconditions: withoutEmpty(preconditions) });
        return withCondition(pod, DISRUPTION, formatTime(this.#clock.wallMs()));
      }).metadata;
      // The eviction itself has changed the version, so the precondition gets the new one.
      if (preconditions['resourceVersion'] !== undefined) preconditions['resourceVersion'] = resourceVersion;
    }
    this.#registry.delete(PODS, namespace, info.name, {
      ...checkDeleteOptions({ ...given, preconditions }),
      dryRun: dry,
    });
    return created();
  }

  /** Binds a Pod to a node, once (wire recording pod-update). */
  bind(context: ResourceContext): ApiResponse {
    const { namespace, info, query } = context;
    const { dryRun } = readWriteOptions(query, 'CreateOptions');
    const { metadata, ...body } = structOf(context, 'Binding', BINDING);
    if (nameIn({ metadata }) !== info.name) throw badRequest('name in URL does not match name in Binding object');
    const target: JsonObject = isJsonObject(body['target']) ? body['target'] : {};
    const [kindName, nodeName] = [String(target['kind'] ?? ''), String(target['name'] ?? '')];
    const errors = [
      ...(kindName === '' || kindName === 'Node'
        ? []
        : [`target.kind: Unsupported value: ${JSON.stringify(kindName)}: supported values: "Node", "<empty>"`]),
      ...(nodeName === '' ? ['target.name: Required value'] : []),
    ];
    if (errors.length > 0) throw internalError(errors.length === 1 ? String(errors[0]) : `[${errors.join(', ')}]`);
    const bindOne = (pod: ApiObject): ApiObject => {
      const refuse = (why: string): Error => conflict({ ...PODS, resource: 'pods/binding' }, info.name, why);
      if (pod.metadata.deletionTimestamp !== undefined) {
        throw refuse(`pod ${info.name} is being deleted, cannot be assigned to a host`);
      }
      const bound = pod.spec?.['nodeName'];
      if (typeof bound === 'string' && bound !== '') {
        throw refuse(`pod ${info.name} is already assigned to node ${JSON.stringify(bound)}`);
      }
      const given = isJsonObject(metadata) ? metadata['annotations'] : undefined;
      const annotations = { ...pod.metadata.annotations, ...(given as Readonly<Record<string, string>> | undefined) };
      return bindPod(withMetadata(pod, { annotations }), nodeName, formatTime(this.#clock.wallMs()));
    };
    if (dryRun) bindOne(this.#registry.get(PODS, namespace, info.name));
    else this.#registry.change(PODS, namespace, info.name, bindOne);
    return created();
  }
}

const DISRUPTION = {
  type: 'DisruptionTarget',
  reason: 'EvictionByEvictionAPI',
  message: 'Eviction API: evicting',
} as const;

const EVICTION: StructType = {
  goName: 'v1.Eviction',
  fields: { kind: 'omitEmpty', apiVersion: 'omitEmpty', metadata: OBJECT_META, deleteOptions: DELETE_OPTIONS },
};

const BINDING: StructType = {
  goName: 'v1.Binding',
  fields: { kind: 'omitEmpty', apiVersion: 'omitEmpty', metadata: OBJECT_META, target: OBJECT_REFERENCE },
};

function nameIn({ metadata }: JsonObject): string {
  return isJsonObject(metadata) ? String(metadata['name'] ?? '') : '';
}

function withoutEmpty(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}

function created(): ApiResponse {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
  return jsonResponse(201, JSON.stringify(status));
}

const TOKEN_REQUEST: StructType = {
  goName: 'v1.TokenRequest',
  fields: {
    kind: 'omitEmpty',
    apiVersion: 'omitEmpty',
    metadata: OBJECT_META,
    spec: {
      goName: 'v1.TokenRequestSpec',
      fields: {
        audiences: { items: 'string' },
        expirationSeconds: 'int64',
        boundObjectRef: {
          goName: 'v1.BoundObjectReference',
          fields: { kind: 'omitEmpty', apiVersion: 'omitEmpty', name: 'omitEmpty', uid: 'omitEmpty' },
        },
      },
    },
    status: 'any',
  },
};

function tokenRequestSpec(context: RequestContext): JsonObject {
  const { spec } = structOf(context, 'TokenRequest', TOKEN_REQUEST);
  return isJsonObject(spec) ? spec : {};
}

/** The body of a request that is not stored, with the types of its fields checked. Throws 400 and 415. */
function structOf({ request }: RequestContext, kindName: string, type: StructType): JsonObject {
  const document = readObjectBody(kindName, request.body ?? '', request.headers['content-type']);
  try {
    return decodeFields(type, isJsonObject(document.value) ? document.value : {}, document.numberTexts);
  } catch (error) {
    if (!(error instanceof FieldTypeError || error instanceof TimeSyntaxError)) throw error;
    throw badRequest(`${kindName} in version "v1" cannot be handled as a ${kindName}: ${error.message}`);
  }
}

function checkExpiration(seconds: number): void {
  const detail =
    seconds < MIN_TOKEN_SECONDS
      ? 'may not specify a duration less than 10 minutes'
      : seconds > MAX_TOKEN_SECONDS
        ? 'may not specify a duration larger than 2^32 seconds'
        : undefined;
  if (detail === undefined) return;
  const error = { type: 'Invalid', field: 'spec.expirationSeconds', value: seconds, detail } as const;
  const details = { group: 'authentication.k8s.io', kind: 'TokenRequest' };
  throw invalid('TokenRequest.authentication.k8s.io ""', details, [error]);
}

function bodyOf(context: RequestContext): JsonObject {
  try {
    const { value } = readBody(context.request.body ?? '', context.request.headers['content-type']);
    return isJsonObject(value) ? value : {};
  } catch (error) {
    if (error instanceof JsonSyntaxError)
      throw badRequest(`couldn't get version/kind; json parse error: ${error.message}`);
    throw error;
  }
}

function specOf(context: RequestContext): JsonObject {
  const { spec } = bodyOf(context);
  return isJsonObject(spec) ? spec : {};
}
