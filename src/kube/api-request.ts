/**
 * What is asked of the API server: verb, resource, namespace and name, and the method and path they make.
 *
 * Sending it is the business of `api-client.ts`.
 */

/** The verbs of Kubernetes' authorization, which a Role grants. */
export type ApiVerb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'delete';

/** One request for one named object; a list or watch selects it by `metadata.name`, or several objects by a label. */
export interface ApiRequest {
  readonly verb: ApiVerb;
  /** `''` for the core group. */
  readonly apiGroup: string;
  /** The plural: `leases`, `pods`. */
  readonly resource: string;
  /** `''` for all namespaces, or for a resource that has none. */
  readonly namespace: string;
  readonly name: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Only with `watch`. */
  readonly watch?: { readonly resourceVersion: string; readonly timeoutSeconds: number };
  /** Selects the objects of a list or a watch instead of a name, which is then `''`: `key=value`. */
  readonly labelSelector?: string;
}

/** The HTTP method of a verb. */
export function methodOf(verb: ApiVerb): string {
  switch (verb) {
    case 'get':
    case 'list':
    case 'watch':
      return 'GET';
    case 'create':
      return 'POST';
    case 'update':
      return 'PUT';
    case 'delete':
      return 'DELETE';
  }
}

/**
 * The path and query of a request.
 *
 * A watch goes to the collection: `watch=true` on the path of one object is silently a plain GET (wire fact 19).
 * Neither list nor get names a resourceVersion, which makes them consistent reads.
 */
export function pathOf(request: ApiRequest): string {
  const group = request.apiGroup === '' ? '/api/v1' : `/apis/${request.apiGroup}/v1`;
  const namespace = request.namespace === '' ? '' : `/namespaces/${encodeURIComponent(request.namespace)}`;
  const collection = `${group}${namespace}/${request.resource}`;
  const name = encodeURIComponent(request.name);
  const selection =
    request.labelSelector === undefined
      ? `fieldSelector=metadata.name%3D${name}`
      : `labelSelector=${encodeURIComponent(request.labelSelector)}`;
  switch (request.verb) {
    case 'create':
      return collection;
    case 'get':
    case 'update':
    case 'delete':
      return `${collection}/${name}`;
    case 'list':
      return `${collection}?${selection}`;
    case 'watch':
      return (
        `${collection}?watch=true&allowWatchBookmarks=true&${selection}` +
        `&resourceVersion=${encodeURIComponent(request.watch?.resourceVersion ?? '')}` +
        `&timeoutSeconds=${request.watch?.timeoutSeconds ?? 0}`
      );
  }
}

/** `leases.coordination.k8s.io`, `pods`: as kubectl and a person write it. */
export function resourceTitle(request: Pick<ApiRequest, 'apiGroup' | 'resource'>): string {
  return request.apiGroup === '' ? request.resource : `${request.resource}.${request.apiGroup}`;
}

/** `update leases.coordination.k8s.io "web" in namespace "shop"`: the subject of every message. */
export function describeRequest(request: ApiRequest): string {
  const which = request.labelSelector === undefined ? `"${request.name}"` : `with the label ${request.labelSelector}`;
  return `${request.verb} ${resourceTitle(request)} ${which}${inNamespace(request.namespace)}`;
}

/** Where an object is, or where a permission is missing; `''`: the whole cluster. */
function inNamespace(namespace: string): string {
  return namespace === '' ? ' in the whole cluster' : ` in namespace "${namespace}"`;
}
