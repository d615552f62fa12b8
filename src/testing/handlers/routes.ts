/**
 * Parses method and path into verb, resource, namespace and name. It checks neither permissions nor the
 * existence of the object.
 */

import type { Verb } from '../objects/resources.ts';

/** A parsed request, in the terms of RBAC. */
export interface RequestInfo {
  /** True for paths under /api/VERSION and /apis/GROUP/VERSION. */
  readonly isResource: boolean;
  /** For resource requests a verb of the API, else the method in lower case. */
  readonly verb: Verb | string;
  /** Path without the query, percent-decoded. */
  readonly path: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** True when segments are left over after the subresource. */
  readonly tooDeep: boolean;
}

const COLLECTION_VERBS: Readonly<Record<string, Verb>> = {
  GET: 'list',
  POST: 'create',
  DELETE: 'deletecollection',
};
const OBJECT_VERBS: Readonly<Record<string, Verb>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Whether a query value counts as true: every value except `false` and `0` does (fact 19). */
export function isTrue(value: string | null): boolean {
  return value !== null && value.toLowerCase() !== 'false' && value !== '0';
}

/** Whether two hexadecimal digits follow each percent sign. Go's HTTP server refuses other paths. */
export function isWellFormedPath(path: string): boolean {
  return !/%(?![0-9A-Fa-f]{2})/.test(path);
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/**
 * Parses method, path and query as a real server does (its RequestInfo). It splits the path after decoding it, as Go's
 * URL.Path is decoded (kubernetes: apiserver/pkg/endpoints/request/requestinfo.go): `%2F` is an ordinary slash.
 */
export function parseRequest(method: string, path: string, query: URLSearchParams): RequestInfo {
  const segments = decode(path).split('/').slice(1);
  if (segments.at(-1) === '') segments.pop();
  const decodedPath = `/${segments.join('/')}`;
  const notResource: RequestInfo = {
    isResource: false,
    verb: method.toLowerCase(),
    path: decodedPath,
    group: '',
    version: '',
    namespace: undefined,
    resource: '',
    subresource: '',
    name: '',
    tooDeep: false,
  };
  const isCore = segments[0] === 'api';
  if (!isCore && segments[0] !== 'apis') return notResource;
  const [group, version, rest] = isCore
    ? ['', segments[1], segments.slice(2)]
    : [segments[1], segments[2], segments.slice(3)];
  if (group === undefined || version === undefined || rest.length === 0) return notResource;
  if (!isCore && group === '') return notResource;
  return { ...notResource, isResource: true, group, version, ...parseResource(method, rest, query) };
}

function parseResource(
  method: string,
  segments: readonly string[],
  query: URLSearchParams,
): Pick<RequestInfo, 'verb' | 'namespace' | 'resource' | 'subresource' | 'name' | 'tooDeep'> {
  let rest = segments;
  // The old form of a watch, /watch/ before the rest of the path (wire recording watch-single-name).
  const oldWatch = rest[0] === 'watch';
  if (oldWatch) rest = rest.slice(1);
  let namespace: string | undefined;
  if (rest[0] === 'namespaces' && rest.length >= 2) {
    namespace = rest[1];
    // /namespaces/NAME itself, and its own subresources, are about the namespace.
    const third = rest[2];
    if (third !== undefined && third !== 'status' && third !== 'finalize') rest = rest.slice(2);
  }
  const [resource = '', name = '', subresource = ''] = rest;
  const tooDeep = rest.length > 3;
  if (name === '') {
    const listed = COLLECTION_VERBS[method];
    const watched = listed === 'list' && isTrue(query.get('watch'));
    return {
      verb: oldWatch || watched ? 'watch' : (listed ?? method.toLowerCase()),
      namespace,
      resource,
      subresource,
      name: nameSelected(listed, query),
      tooDeep,
    };
  }
  const verb = oldWatch ? 'watch' : (OBJECT_VERBS[method] ?? method.toLowerCase());
  return { verb, namespace, resource, subresource, name, tooDeep };
}

/** A list or watch of one name by field selector is authorized as a request for that name (fact 29). */
function nameSelected(verb: Verb | undefined, query: URLSearchParams): string {
  if (verb !== 'list' && verb !== 'deletecollection') return '';
  const selector = query.get('fieldSelector');
  const match = selector === null ? null : /^(?:.*,)?metadata\.name==?([^,!=]+)(?:,.*)?$/.exec(selector);
  return match?.[1] ?? '';
}
