/**
 * Requests that are answered but not stored: tokens for service accounts, reviews of tokens and of access,
 * and evictions.
 */

import type { Clock } from '../clock.ts';
import { isJsonObject, type JsonObject } from './api-object.ts';
import { type ApiResponse, jsonResponse, type RequestContext, type ResourceContext } from './api-request.ts';
import { type Authenticator, DEFAULT_TOKEN_SECONDS } from './authentication.ts';
import type { Authorizer } from './authorization.ts';
import { decodeFields, FieldTypeError, readBody, readObjectBody } from './decoding.ts';
import { formatTime } from './go-time.ts';
import { JsonSyntaxError } from './json-reader.ts';
import { bindPod, withCondition } from './pod-strategy.ts';
import type { DeleteOptions, Registry } from './registry.ts';
import { PODS, type ReviewKind, SERVICE_ACCOUNTS, TOKEN_REVIEWS } from './resources.ts';
import { OBJECT_META, type StructType } from './schemas.ts';
import { badRequest, conflict, invalid, StatusError } from './status.ts';
import { TOKEN_ISSUER } from './tokens.ts';

/** The least lifetime of a token in seconds (wire recording token-bound-to-pod). */
const MIN_TOKEN_SECONDS = 600;
/** The greatest. */
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
    const audiences = Array.isArray(given) ? given.map(String) : [TOKEN_ISSUER];
    const user = this.#authenticator.review(String(spec['token'] ?? ''), audiences);
    if (user === undefined) return { user: {}, error: '[invalid bearer token, token lookup failed]' };
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

  /** A token for a service account, perhaps bound to a Pod (fact 30). */
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
    const asked = bound['uid'];
    if (typeof asked === 'string' && asked !== '' && asked !== uid) {
      const message =
        `Operation cannot be fulfilled on Pod ${JSON.stringify(name)}: the UID in the bound object reference (${asked}) ` +
        'does not match the UID in record. The object might have been deleted and then recreated';
      throw new StatusError(409, 'Conflict', message, { name, kind: 'Pod' });
    }
    const nodeName = pod.spec?.['nodeName'];
    return typeof nodeName === 'string' && nodeName !== '' ? { name, uid, nodeName } : { name, uid };
  }

  /** An eviction is a deletion that budgets could forbid; there are none (wire recording pod-eviction). */
  evict(context: ResourceContext): ApiResponse {
    const { namespace, info } = context;
    const body = bodyOf(context);
    const named = isJsonObject(body['metadata']) ? body['metadata']['name'] : undefined;
    if (typeof named === 'string' && named !== '' && named !== info.name) {
      throw badRequest('name in URL does not match name in Eviction object');
    }
    const given: JsonObject = isJsonObject(body['deleteOptions']) ? body['deleteOptions'] : {};
    const dryRun = Array.isArray(given['dryRun']) && given['dryRun'].length > 0;
    const pod = this.#registry.get(PODS, namespace, info.name);
    const condition = {
      type: 'DisruptionTarget',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
    };
    if (pod.metadata.deletionTimestamp === undefined && !dryRun) {
      const now = formatTime(this.#clock.wallMs());
      this.#registry.change(PODS, namespace, info.name, (current) => withCondition(current, condition, now));
    }
    this.#registry.delete(PODS, namespace, info.name, { ...(given as DeleteOptions), dryRun });
    return created();
  }

  /** Binds a Pod to a node, once (wire recording pod-update). */
  bind(context: ResourceContext): ApiResponse {
    const { namespace, info } = context;
    const { target } = bodyOf(context);
    const nodeName = isJsonObject(target) ? String(target['name'] ?? '') : '';
    this.#registry.change(PODS, namespace, info.name, (pod) => {
      const bound = pod.spec?.['nodeName'];
      if (typeof bound === 'string' && bound !== '') {
        const kind = { ...PODS, resource: 'pods/binding' };
        throw conflict(kind, info.name, `pod ${info.name} is already assigned to node ${JSON.stringify(bound)}`);
      }
      return bindPod(pod, nodeName, formatTime(this.#clock.wallMs()));
    });
    return created();
  }
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

function tokenRequestSpec({ request }: RequestContext): JsonObject {
  const document = readObjectBody('TokenRequest', request.body ?? '', request.headers['content-type']);
  try {
    const value = isJsonObject(document.value) ? document.value : {};
    const { spec } = decodeFields(TOKEN_REQUEST, value, document.numberTexts);
    return isJsonObject(spec) ? spec : {};
  } catch (error) {
    if (!(error instanceof FieldTypeError)) throw error;
    throw badRequest(`TokenRequest in version "v1" cannot be handled as a TokenRequest: ${error.message}`);
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
