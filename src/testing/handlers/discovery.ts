/**
 * The server's description of itself: groups, versions, resources, its own version and health. kubectl requests
 * them first (wire recordings discovery and discovery-version-health).
 */

import { type DocumentType, negotiateDocument } from '../formats/representation.ts';
import type { JsonObject } from '../objects/api-object.ts';
import { apiVersionOf, RESOURCE_KINDS, REVIEW_KINDS, type ResourceKind } from '../objects/resources.ts';
import { methodNotAllowed, noSuchResource } from '../objects/status.ts';
import { type ApiResponse, jsonResponse, textResponse } from './api-request.ts';
import { openApiAt } from './openapi.ts';
import { textOf } from './read.ts';

const STORAGE_VERSION_HASHES: Readonly<Record<string, string>> = {
  'coordination.k8s.io/v1/leases': 'gqkMMb/YqFM=',
  'v1/pods': 'xPOwRZ+Yhw8=',
  'v1/events': 'r2yiGXH7wu8=',
  'events.k8s.io/v1/events': 'r2yiGXH7wu8=',
  'v1/namespaces': 'Q3oi5N2YM8M=',
  'v1/serviceaccounts': 'pbx9ZvyFpBE=',
};

/** Subresources with their own kind, group and verbs; all others have those of the object. */
interface Subresource {
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

const SUBRESOURCES: Readonly<Record<string, Readonly<Record<string, Subresource>>>> = {
  pods: {
    binding: { kind: 'Binding', verbs: ['create'] },
    eviction: { kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
    status: { kind: 'Pod', verbs: ['get', 'patch', 'update'] },
  },
  namespaces: {
    finalize: { kind: 'Namespace', verbs: ['update'] },
    status: { kind: 'Namespace', verbs: ['get', 'patch', 'update'] },
  },
  serviceaccounts: {
    token: { kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] },
  },
};

/** The version that the server reports. */
const VERSION = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: 'v1.36.0-lease-elector',
  gitCommit: '0000000000000000000000000000000000000000',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'linux/amd64',
} as const;

const AGGREGATED = /application\/json;g=apidiscovery\.k8s\.io;v=(v2|v2beta1);as=APIGroupDiscoveryList/;
const HEALTH = /^\/(healthz|livez|readyz)(\/ping)?$/;

/** Answers paths that are not about objects; undefined for an unknown path. */
export function discover(
  method: string,
  path: string,
  query: URLSearchParams,
  accept: string,
): ApiResponse | undefined {
  const health = HEALTH.exec(path);
  if (health !== null) return healthResponse(method, health[1] ?? '', query);
  if (INDEX.includes(path)) return indexResponse();
  const body = documentAt(path);
  if (body === undefined) return undefined;
  if (method !== 'GET') throw methodNotAllowed();
  const aggregated = path === '/api' || path === '/apis' ? AGGREGATED.exec(accept)?.[1] : undefined;
  if (aggregated === undefined) return documentResponse(path, body, accept);
  const contentType = `application/json;g=apidiscovery.k8s.io;v=${aggregated};as=APIGroupDiscoveryList`;
  return jsonResponse(200, JSON.stringify(aggregatedDiscovery(path, aggregated)), { 'content-type': contentType });
}

function documentResponse(path: string, body: JsonObject, accept: string): ApiResponse {
  const text = JSON.stringify(body);
  if (path.startsWith('/openapi/')) return jsonResponse(200, text);
  return textOf(negotiateDocument(accept, path === '/version' ? VERSION_TYPES : DOCUMENT_TYPES), text);
}

/** The types of discovery documents; a real server also serves protobuf, and lists it. */
const DOCUMENT_TYPES: readonly DocumentType[] = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
];
/** The version is served only as JSON. */
const VERSION_TYPES: readonly DocumentType[] = ['application/json'];

/** Both paths list all paths (kubernetes: apiserver/pkg/server/routes/index.go). */
const INDEX: readonly string[] = ['/', '/index.html'];

/** The paths that are served, sorted and indented. Every method gets the same answer, in JSON. */
function indexResponse(): ApiResponse {
  const groups = GROUPS.flatMap((group) => [`/apis/${group}`, `/apis/${group}/v1`]);
  const checks = ['/healthz', '/livez', '/readyz'].flatMap((path) => [path, `${path}/ping`]);
  const paths = ['/api', '/api/v1', '/apis', '/apis/', ...groups, ...checks, '/openapi/v2', '/openapi/v3', '/version'];
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ paths: paths.sort() }, null, 2),
  };
}

/** Whether a group is served in any version; the core group is. */
export function isKnownGroup(group: string): boolean {
  return group === '' || GROUPS.includes(group);
}

function healthResponse(method: string, check: string, query: URLSearchParams): ApiResponse {
  const verbose = query.has('verbose');
  const response = textResponse(200, verbose ? `[+]ping ok\n[+]etcd ok\n${check} check passed\n` : 'ok');
  return method === 'HEAD' ? { ...response, body: '' } : response;
}

const GROUPS: readonly string[] = [
  ...new Set([...RESOURCE_KINDS, ...REVIEW_KINDS].map((kind) => kind.group).filter((group) => group !== '')),
];

function documentAt(path: string): JsonObject | undefined {
  if (path === '/version') return { ...VERSION };
  if (path === '/api')
    return {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: 'localhost' }],
    };
  if (path === '/apis')
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: GROUPS.map((group) => groupDocument(group)) };
  if (path.startsWith('/openapi/')) return openApiAt(path);
  const [, root, ...rest] = path.split('/');
  if (root === 'api' && rest.length === 1) return resourceListOr404(rest[0] ?? '');
  if (root !== 'apis') return undefined;
  const [group = '', version] = rest;
  if (!GROUPS.includes(group)) return undefined;
  if (rest.length === 1) return { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(group) };
  return rest.length === 2 ? resourceListOr404(`${group}/${version}`) : undefined;
}

function groupDocument(group: string): JsonObject {
  const version = { groupVersion: `${group}/v1`, version: 'v1' };
  return { name: group, versions: [version], preferredVersion: version };
}

function resourceListOr404(groupVersion: string): JsonObject {
  const kinds = RESOURCE_KINDS.filter((kind) => apiVersionOf(kind) === groupVersion);
  const reviews = REVIEW_KINDS.filter((kind) => apiVersionOf(kind) === groupVersion);
  if (kinds.length + reviews.length === 0) throw noSuchResource();
  const resources: JsonObject[] = kinds.flatMap((kind) => [resourceDocument(kind), ...subresourceDocuments(kind)]);
  for (const review of reviews) {
    resources.push({
      name: review.resource,
      singularName: review.kind.toLowerCase(),
      namespaced: false,
      kind: review.kind,
      verbs: ['create'],
    });
  }
  // The core list has no apiVersion, a relic that clients expect.
  const apiVersion = groupVersion === 'v1' ? {} : { apiVersion: 'v1' };
  return { kind: 'APIResourceList', ...apiVersion, groupVersion, resources };
}

function resourceDocument(kind: ResourceKind): JsonObject {
  const hash = STORAGE_VERSION_HASHES[`${apiVersionOf(kind)}/${kind.resource}`];
  return {
    name: kind.resource,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: kind.verbs,
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories === undefined ? {} : { categories: kind.categories }),
    ...(hash === undefined ? {} : { storageVersionHash: hash }),
  };
}

function subresourcesOf(kind: ResourceKind): readonly (readonly [string, Subresource])[] {
  return kind.group === '' ? Object.entries(SUBRESOURCES[kind.resource] ?? {}) : [];
}

function subresourceDocuments(kind: ResourceKind): readonly JsonObject[] {
  return subresourcesOf(kind).map(([name, subresource]) => ({
    name: `${kind.resource}/${name}`,
    singularName: '',
    namespaced: kind.namespaced,
    ...(subresource.group === undefined ? {} : { group: subresource.group, version: subresource.version }),
    kind: subresource.kind,
    verbs: subresource.verbs,
  }));
}

function aggregatedDiscovery(path: string, version: string): JsonObject {
  const groups = path === '/api' ? [''] : GROUPS;
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map((group) => ({
      metadata: group === '' ? {} : { name: group },
      versions: [{ version: 'v1', resources: aggregatedResources(group), freshness: 'Current' }],
    })),
  };
}

function aggregatedResources(group: string): readonly JsonObject[] {
  const responseKind = (kind: string, of: Partial<Subresource> = {}): JsonObject => ({
    group: of.group ?? '',
    version: of.version ?? '',
    kind,
  });
  const resources: JsonObject[] = RESOURCE_KINDS.filter((kind) => kind.group === group).map((kind) => {
    const subresources = subresourcesOf(kind).map(([name, subresource]) => ({
      subresource: name,
      responseKind: responseKind(subresource.kind, subresource),
      verbs: subresource.verbs,
    }));
    return {
      resource: kind.resource,
      responseKind: responseKind(kind.kind),
      scope: kind.namespaced ? 'Namespaced' : 'Cluster',
      singularResource: kind.singular,
      verbs: kind.verbs,
      ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
      ...(kind.categories === undefined ? {} : { categories: kind.categories }),
      ...(subresources.length === 0 ? {} : { subresources }),
    };
  });
  for (const review of REVIEW_KINDS.filter((kind) => kind.group === group)) {
    resources.push({
      resource: review.resource,
      responseKind: responseKind(review.kind),
      scope: 'Cluster',
      singularResource: review.kind.toLowerCase(),
      verbs: ['create'],
    });
  }
  return resources;
}
