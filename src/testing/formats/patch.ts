/**
 * The patch types: JSON merge patch (RFC 7386), JSON patch (RFC 6902), and the part of strategic merge patch that
 * metadata and plain maps need. They apply to plain JSON; the result is decoded like any other body.
 */

import { isJsonObject, type JsonObject, sameJson } from '../objects/api-object.ts';
import { badRequest, StatusError } from '../objects/status.ts';

/** A JSON merge patch: null removes, objects merge, everything else replaces. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const merged: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete merged[field];
    else setField(merged, field, applyMergePatch(ownField(merged, field), value));
  }
  return merged;
}

/** Lists of plain values that a strategic merge patch adds to instead of replacing. */
const MERGED_LISTS = new Set(['finalizers']);
/** Lists of objects that a strategic merge patch merges, and the field that identifies an object. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  ownerReferences: 'uid',
  containers: 'name',
  conditions: 'type',
  env: 'name',
  tolerations: 'key',
  volumes: 'name',
};
const DELETE_FROM_LIST = '$deleteFromPrimitiveList/';
const ORDER_OF_LIST = '$setElementOrder/';

/** A strategic merge patch, for the lists named above. */
export function applyStrategicPatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  if (patch['$patch'] === 'replace') {
    const { $patch: _directive, ...replacement } = patch;
    return replacement;
  }
  const merged: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith(DELETE_FROM_LIST)) {
      const list = field.slice(DELETE_FROM_LIST.length);
      const gone = Array.isArray(value) ? value : [];
      merged[list] = asList(merged[list]).filter((item) => !gone.includes(item));
    } else if (field.startsWith(ORDER_OF_LIST) || field === '$patch' || field.startsWith('$')) {
      // The order of the list is kept.
    } else if (value === null) {
      delete merged[field];
    } else if (Array.isArray(value)) {
      setField(merged, field, mergeList(field, asList(ownField(merged, field)), value));
    } else {
      setField(merged, field, applyStrategicPatch(ownField(merged, field), value));
    }
  }
  return merged;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function mergeList(field: string, present: readonly unknown[], patch: readonly unknown[]): readonly unknown[] {
  if (MERGED_LISTS.has(field)) return [...patch, ...present.filter((item) => !patch.includes(item))];
  const key = MERGE_KEYS[field];
  if (key === undefined) return patch;
  let merged = [...present];
  for (const item of patch) {
    if (!isJsonObject(item)) continue;
    const at = merged.findIndex((other) => isJsonObject(other) && other[key] === item[key]);
    if (item['$patch'] === 'delete') merged = merged.filter((_, index) => index !== at);
    else if (at === -1) merged.push(applyStrategicPatch({}, item));
    else merged[at] = applyStrategicPatch(merged[at], item);
  }
  return merged;
}

/** The largest number of operations in a JSON patch, as on a real server. */
const MAX_JSON_PATCH_OPERATIONS = 10_000;

/** 422 without a reason, as a real server answers a JSON patch that cannot be applied. */
function rejected(): StatusError {
  return new StatusError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}

/** Applies a JSON patch. Throws 400 for a patch that is not a list, 422 when an operation cannot be applied. */
export function applyJsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    const what = isJsonObject(patch) ? 'object' : typeof patch;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${what} into Go value of type []handlers.jsonPatchOp`,
    );
  }
  if (patch.length > MAX_JSON_PATCH_OPERATIONS) {
    const message = `The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${patch.length}`;
    throw new StatusError(413, 'RequestEntityTooLarge', message);
  }
  let result = structuredClone(target);
  for (const operation of patch) result = applyOperation(result, isJsonObject(operation) ? operation : {});
  return result;
}

function applyOperation(document: unknown, operation: JsonObject): unknown {
  const path = pointer(operation['path']);
  switch (operation['op']) {
    case 'add':
      return put(document, path, structuredClone(operation['value']), true);
    case 'replace':
      // A real server also replaces a missing field of an object (wire recording lease-patch-json).
      return put(document, path, structuredClone(operation['value']), false);
    case 'remove':
      return remove(document, path);
    case 'test':
      if (!sameJson(find(document, path) ?? null, operation['value'] ?? null)) throw rejected();
      return document;
    case 'copy':
      return put(document, path, structuredClone(present(document, pointer(operation['from']))), true);
    case 'move': {
      const from = pointer(operation['from']);
      const value = present(document, from);
      return put(remove(document, from), path, value, true);
    }
    default:
      throw rejected();
  }
}

function pointer(text: unknown): readonly string[] {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/'))) throw rejected();
  return text
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function find(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const step of path) {
    if (Array.isArray(value)) value = value[indexIn(value, step, value.length)];
    else if (isJsonObject(value)) value = ownField(value, step);
    else throw rejected();
  }
  return value;
}

/** The value at the path; throws if it does not exist (only the operation `test` tolerates that). */
function present(document: unknown, path: readonly string[]): unknown {
  const value = find(document, path);
  if (value === undefined) throw rejected();
  return value;
}

/** The index that a step names: less than `end`; a negative step counts from the end. */
function indexIn(list: readonly unknown[], step: string, end: number): number {
  if (!/^-?\d+$/.test(step)) throw rejected();
  const index = Number(step) < 0 ? Number(step) + end : Number(step);
  if (index < 0 || index >= end || index > list.length) throw rejected();
  return index;
}

function put(document: unknown, path: readonly string[], value: unknown, insert: boolean): unknown {
  const last = path.at(-1);
  if (last === undefined) return value;
  const parent = find(document, path.slice(0, -1));
  if (Array.isArray(parent)) {
    if (insert && last === '-') parent.push(value);
    else if (insert) parent.splice(indexIn(parent, last, parent.length + 1), 0, value);
    else parent[indexIn(parent, last, parent.length)] = value;
  } else if (isJsonObject(parent)) {
    setField(parent, last, value);
  } else {
    throw rejected();
  }
  return document;
}

/** Sets a field; __proto__ is an ordinary field. */
function setField(object: JsonObject, field: string, value: unknown): void {
  Object.defineProperty(object, field, { value, writable: true, enumerable: true, configurable: true });
}

function ownField(object: JsonObject, field: string): unknown {
  return Object.hasOwn(object, field) ? object[field] : undefined;
}

function remove(document: unknown, path: readonly string[]): unknown {
  const last = path.at(-1);
  if (last === undefined) throw rejected();
  const parent = find(document, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(indexIn(parent, last, parent.length), 1);
  else if (isJsonObject(parent) && Object.hasOwn(parent, last)) delete parent[last];
  else throw rejected();
  return document;
}
