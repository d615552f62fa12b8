/**
 * The shape that all objects of the API share, and their text on the wire. The fields of each kind are in schemas.ts and the
 * strategies.
 */

/** Any JSON object. */
export type JsonObject = { [field: string]: unknown };

/**
 * An entry of `metadata.ownerReferences`. The garbage collector deletes an object after its last owner is gone (fact
 * 22).
 */
export interface OwnerReference {
  /** The API version of the owner, such as `v1` for a Pod. */
  readonly apiVersion: string;
  /** The kind of the owner, such as `Pod`. */
  readonly kind: string;
  /** The name of the owner. */
  readonly name: string;
  /** The uid of the owner. An object of the same name with another uid is not the owner (fact 23). */
  readonly uid: string;
  /** Whether the owner is the controller that manages the object. @default false */
  readonly controller?: boolean;
  /** Whether a foreground deletion of the owner waits for the object. @default false */
  readonly blockOwnerDeletion?: boolean;
}

/**
 * The `metadata` of an object: ObjectMeta of Kubernetes. The fields that the server sets are empty strings until it has
 * set them.
 */
export interface ObjectMeta {
  /** The name, unique among the objects of its kind in the namespace. */
  readonly name: string;
  /** A prefix to which the server appends five random characters, when `name` is empty. */
  readonly generateName?: string;
  /** The namespace; absent for a kind without namespaces. */
  readonly namespace?: string;
  /** Set by the server: identifies this object among all objects, even those of the same name. */
  readonly uid: string;
  /** Set by the server: the revision of the last write (fact 13). */
  readonly resourceVersion: string;
  /** Set by the server for some kinds: counts the changes of `spec`. */
  readonly generation?: number;
  /** Set by the server: the time of the creation, in RFC 3339 with seconds. */
  readonly creationTimestamp: string;
  /** Set by the server when a graceful deletion begins: the time at which the grace period ends (fact 21). */
  readonly deletionTimestamp?: string;
  /** Set by the server with `deletionTimestamp`: the grace period in seconds. */
  readonly deletionGracePeriodSeconds?: number;
  /** The labels, which selectors compare. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The annotations, which no selector compares. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** The owners of the object, such as the Pod of a Lease. */
  readonly ownerReferences?: readonly OwnerReference[];
  /** While this list is not empty, a deletion only sets `deletionTimestamp`. */
  readonly finalizers?: readonly string[];
}

/** An object of the API. It never changes: every write makes a new one. */
export interface ApiObject {
  /** The kind, such as `Lease`. */
  readonly kind: string;
  /** The API group and version, such as `coordination.k8s.io/v1`; only the version for the core group. */
  readonly apiVersion: string;
  /** The name, the uid, the resourceVersion and the other common fields. */
  readonly metadata: ObjectMeta;
  /** The desired state, for kinds that have one. */
  readonly spec?: Readonly<JsonObject>;
  /** The observed state, for kinds that have one. */
  readonly status?: Readonly<JsonObject>;
  /** Any other field, such as `rules` of a Role. */
  readonly [field: string]: unknown;
}

/** Fields of metadata in the order in which a real server writes them. */
const METADATA_FIELDS = [
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
] as const;

/** True for the values that Go's `omitempty` leaves out: null, empty strings, empty lists and empty maps. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === 'object') return Object.keys(value).length === 0;
  return false;
}

/** The same metadata with its fields in the server's order, without empty ones and without unknown ones. */
export function normalizeMetadata(raw: Readonly<JsonObject> | ObjectMeta): ObjectMeta {
  const fields = raw as Readonly<JsonObject>;
  const metadata: JsonObject = {};
  for (const field of METADATA_FIELDS) {
    const value = fields[field];
    const setByServer =
      field === 'name' || field === 'uid' || field === 'resourceVersion' || field === 'creationTimestamp';
    if (setByServer) metadata[field] = typeof value === 'string' ? value : '';
    else if (field === 'generation' ? value !== 0 && !isEmpty(value) : !isEmpty(value)) metadata[field] = value;
  }
  return metadata as unknown as ObjectMeta;
}

/** A copy of the object with some fields of its metadata changed; `undefined` removes a field. */
export function withMetadata(
  object: ApiObject,
  changes: { readonly [Field in keyof ObjectMeta]?: ObjectMeta[Field] | undefined },
): ApiObject {
  return { ...object, metadata: normalizeMetadata({ ...object.metadata, ...changes }) };
}

/** The metadata of an object, as PartialObjectMetadata. */
export function partialObject(object: ApiObject, metaVersion: string): ApiObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${metaVersion}`, metadata: object.metadata };
}

const encoded = new WeakMap<ApiObject, string>();

/**
 * The object as JSON text. The text is cached with the object, because the writer, every reader and every watcher get
 * the same text.
 */
export function encodeObject(object: ApiObject): string {
  let text = encoded.get(object);
  if (text === undefined) {
    const { uid, resourceVersion, creationTimestamp } = object.metadata;
    // A dry run has no resourceVersion, and partial objects may lack the rest: absent, not empty.
    const complete = uid !== '' && resourceVersion !== '' && creationTimestamp !== '';
    text = JSON.stringify(complete ? object : { ...object, metadata: dropEmptyStrings(object.metadata) });
    encoded.set(object, text);
  }
  return text;
}

function dropEmptyStrings(metadata: ObjectMeta): JsonObject {
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== ''));
}

/** The text of a list item: a real server leaves kind and apiVersion out of the items (wire recording lease-crud). */
export function encodeListItem(object: ApiObject): string {
  const prefix = `{"kind":${JSON.stringify(object.kind)},"apiVersion":${JSON.stringify(object.apiVersion)},`;
  const text = encodeObject(object);
  if (text.startsWith(prefix)) return `{${text.slice(prefix.length)}`;
  // Defaults, a patch or a webhook have put another field first.
  const { kind, apiVersion, ...rest } = object;
  const reordered = encodeObject({ kind, apiVersion, ...rest });
  return `{${reordered.slice(prefix.length)}`;
}

/** Equality of two JSON values, whatever the order of their keys. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((value, index) => sameJson(value, b[index]));
  }
  const left = a as JsonObject;
  const right = b as JsonObject;
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => key in right && sameJson(left[key], right[key]));
}

/** True for a JSON object (not null, not a list). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
