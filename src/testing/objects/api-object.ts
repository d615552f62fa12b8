/**
 * The shape every object of the API has, and the text it is sent as. What a kind of object adds to
 * it is in resources.ts and the strategies.
 */

/** Any JSON object. */
export type JsonObject = { [field: string]: unknown };

/** An entry of metadata.ownerReferences. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/**
 * ObjectMeta of Kubernetes. The fields that the server sets are empty strings until it has set them.
 */
export interface ObjectMeta {
  readonly name: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
}

/** An object of the API. Never changed in place: every write makes a new one. */
export interface ApiObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: ObjectMeta;
  readonly spec?: Readonly<JsonObject>;
  readonly status?: Readonly<JsonObject>;
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

/** True for what Go's `omitempty` leaves out: null, empty strings, empty lists and empty maps. */
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
 * The object as JSON text. Remembered per object, because the same text goes to the writer, to every
 * reader and to every watcher.
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
