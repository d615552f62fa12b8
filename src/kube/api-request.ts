/**
 * One request to the API server: its verb, resource, namespace and name, and the resulting method and path.
 *
 * `api-client.ts` sends it.
 */

/** The verbs of Kubernetes' authorization, which a Role grants. */
export type ApiVerb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

/**
 * A request about one named object. A list or a watch selects that object by `metadata.name`, or several objects by a
 * label.
 */
export interface ApiRequest {
  readonly verb: ApiVerb;
  /** The API group; `''` for the core group. */
  readonly apiGroup: string;
  /** The plural name of the resource: `leases`, `pods`. */
  readonly resource: string;
  /** The namespace; `''` for all namespaces, or for a resource without a namespace. */
  readonly namespace: string;
  readonly name: string;
  /** The body, sent as JSON. With `patch` it is a JSON merge patch. */
  readonly body?: unknown;
  /** Whether the request is sent on its own connection, so that no request of the election waits for it. */
  readonly apart?: true;
  /** Selects the objects of a list or a watch instead of a name, which is then `''`. */
  readonly selection?: Selection;
  /** The parameters of the verb `watch`; absent for other verbs. */
  readonly watch?: { readonly resourceVersion: string; readonly timeoutSeconds: number };
}

/** The objects that a list or a watch selects. */
export interface Selection {
  /** One or more `key=value`, separated by commas. */
  readonly labelSelector: string;
  /** Only with `list`: limits the list to objects with these fields, to a number of objects, and to their metadata. */
  readonly page?: { readonly fieldSelector: string; readonly limit: number };
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
    case 'patch':
      return 'PATCH';
    case 'delete':
      return 'DELETE';
  }
}

/**
 * The path and query of a request.
 *
 * A watch has the path of the collection, because a server ignores `watch=true` on the path of one object (wire fact
 * 19). A list and a get have no resourceVersion, so they are consistent reads.
 */
export function pathOf(request: ApiRequest): string {
  const group = request.apiGroup === '' ? '/api/v1' : `/apis/${request.apiGroup}/v1`;
  const namespace = request.namespace === '' ? '' : `/namespaces/${encodeURIComponent(request.namespace)}`;
  const collection = `${group}${namespace}/${request.resource}`;
  const name = encodeURIComponent(request.name);
  const selector =
    request.selection === undefined ? `fieldSelector=metadata.name%3D${name}` : queryOf(request.selection);
  switch (request.verb) {
    case 'create':
      return collection;
    case 'get':
    case 'update':
    case 'patch':
    case 'delete':
      return `${collection}/${name}`;
    case 'list':
      return `${collection}?${selector}`;
    case 'watch':
      return (
        `${collection}?watch=true&allowWatchBookmarks=true&${selector}` +
        `&resourceVersion=${encodeURIComponent(request.watch?.resourceVersion ?? '')}` +
        `&timeoutSeconds=${request.watch?.timeoutSeconds ?? 0}`
      );
  }
}

/** The media type of the body. A merge patch is the only patch that every kind of object accepts. */
export function contentTypeOf(verb: ApiVerb): string {
  return verb === 'patch' ? 'application/merge-patch+json' : 'application/json';
}

function queryOf({ labelSelector, page }: Selection): string {
  const limited = page === undefined ? {} : { fieldSelector: page.fieldSelector, limit: String(page.limit) };
  return new URLSearchParams({ labelSelector, ...limited }).toString();
}

/** The media type of the answer: JSON. A page of a list contains only the metadata of the objects. */
export function acceptOf({ selection }: ApiRequest): string {
  const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  return selection?.page === undefined ? 'application/json' : `${metadataOnly},application/json`;
}

/** The resource as kubectl writes it: `leases.coordination.k8s.io`, `pods`. */
export function resourceTitle(request: Pick<ApiRequest, 'apiGroup' | 'resource'>): string {
  return request.apiGroup === '' ? request.resource : `${request.resource}.${request.apiGroup}`;
}

/** The subject of every message: `update leases.coordination.k8s.io "web" in namespace "shop"`. */
export function describeRequest(request: ApiRequest): string {
  const { selection, namespace } = request;
  const label = selection?.page === undefined ? ` with the label ${selection?.labelSelector}` : '';
  const which = selection === undefined ? ` "${request.name}"` : label;
  const where = namespace === '' ? 'in the whole cluster' : `in namespace "${namespace}"`;
  return `${request.verb} ${resourceTitle(request)}${which} ${where}`;
}
