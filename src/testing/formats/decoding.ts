/**
 * Turns the body of a request into an object: syntax, kind and version, the types of the fields, unknown
 * and repeated fields. validation.ts and the strategies check the values.
 */

import { type ApiObject, isJsonObject, type JsonObject, normalizeMetadata } from '../objects/api-object.ts';
import { normalizeMicroTime, normalizeTime, TimeSyntaxError } from '../objects/go-time.ts';
import { apiVersionOf, kindOf, type ResourceKind } from '../objects/resources.ts';
import { type FieldType, type StructType, schemaOf } from '../objects/schemas.ts';
import { badRequest, protobufNotRead, unsupportedMediaType } from '../objects/status.ts';
import { type JsonDocument, JsonSyntaxError, readJson } from './json-reader.ts';
import { readYaml, YamlSyntaxError } from './yaml.ts';

/** How unknown and repeated fields are treated (query parameter fieldValidation; fact 9). */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** A decoded body. */
export interface DecodedObject {
  readonly object: ApiObject;
  /** The texts of the Warning headers. */
  readonly warnings: readonly string[];
}

/** A field has the wrong type; the message is that of Go. */
export class FieldTypeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FieldTypeError';
  }
}

/** Reads a body of the given content type as JSON. Throws 415 for one that cannot be read. */
export function readBody(body: string, contentType: string | undefined): JsonDocument {
  const mediaType = (contentType ?? 'application/json').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (mediaType === 'application/json' || mediaType === '') return readJson(body);
  if (mediaType === 'application/yaml') return { value: readYaml(body), duplicateFields: [], numberTexts: new Map() };
  // The usual message also lists protobuf, so this error has a message of its own.
  if (mediaType === 'application/vnd.kubernetes.protobuf') throw protobufNotRead();
  throw unsupportedMediaType();
}

/** Reads the body of a create or replace. */
export function decodeBody(
  kind: ResourceKind,
  body: string,
  contentType: string | undefined,
  fieldValidation: FieldValidation,
): DecodedObject {
  const document = readObjectBody(kind.kind, body, contentType);
  const given = document.value === null ? {} : (document.value as JsonObject);
  checkKind(kind, given);
  const refuse = (why: string): Error =>
    badRequest(`${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${why}`);
  let decoded: DecodedObject;
  try {
    decoded = decodeValue(kind, given, document);
  } catch (error) {
    if (error instanceof FieldTypeError || error instanceof TimeSyntaxError) throw refuse(error.message);
    throw error;
  }
  if (fieldValidation === 'Strict' && decoded.warnings.length > 0) {
    throw refuse(`strict decoding error: ${decoded.warnings.join(', ')}`);
  }
  return fieldValidation === 'Ignore' ? { ...decoded, warnings: [] } : decoded;
}

/** Reads a body that must be an object of a kind. Throws 400 and 415. */
export function readObjectBody(kindName: string, body: string, contentType: string | undefined): JsonDocument {
  const unrecognized = (why: string, shown: string): Error =>
    badRequest(
      `the object provided is unrecognized (must be of type ${kindName}): ` +
        `couldn't get version/kind; json parse error: ${why} (${shown})`,
    );
  try {
    const document = readBody(body, contentType);
    const { value } = document;
    if (value === null || isJsonObject(value)) return document;
    const into =
      'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
    throw unrecognized(`json: cannot unmarshal ${jsonTypeName(value)} into Go value of type ${into}`, summary(body));
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw unrecognized(error.message, summary(body));
    if (error instanceof YamlSyntaxError) throw badRequest(`error converting YAML to JSON: ${error.message}`);
    throw error;
  }
}

/** The number of characters of a body that a message shows. */
const SUMMARY_LENGTH = 30;

function summary(body: string): string {
  if (body === '') return '<empty>';
  if (/^\s*\{/.test(body)) {
    return body.length > SUMMARY_LENGTH ? `${body.slice(0, SUMMARY_LENGTH)} ...` : body;
  }
  const hex = Buffer.from(body, 'utf8').toString('hex');
  return hex.length > SUMMARY_LENGTH ? `${hex.slice(0, SUMMARY_LENGTH)} ...` : hex;
}

const SCHEME = 'in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"';

function checkKind(kind: ResourceKind, given: JsonObject): void {
  const { version, kind: actualKind, why } = kindMismatch(kind, given) ?? {};
  if (why === undefined) return;
  throw badRequest(`${actualKind} in version "${version}" cannot be handled as a ${kind.kind}: ${why}`);
}

/** The reason why an object is not of the expected kind; undefined when it is, or names no kind. */
export function kindMismatch(
  kind: ResourceKind,
  given: JsonObject,
): { readonly version: string; readonly kind: string; readonly why: string } | undefined {
  const apiVersion = typeof given['apiVersion'] === 'string' ? given['apiVersion'] : '';
  const kindName = typeof given['kind'] === 'string' ? given['kind'] : '';
  const wantedVersion = apiVersionOf(kind);
  const actualVersion = apiVersion === '' ? wantedVersion : apiVersion;
  const actualKind = kindName === '' ? kind.kind : kindName;
  if (actualVersion === wantedVersion && actualKind === kind.kind) return undefined;
  const version = actualVersion.split('/').at(-1) ?? '';
  const known = kindOf(actualVersion, actualKind);
  const why =
    known === undefined
      ? `no kind ${JSON.stringify(actualKind)} is registered for version ${JSON.stringify(actualVersion)} ${SCHEME}`
      : `converting (${version}.${actualKind}) to (${internalGroup(kind)}.${kind.kind}): unknown conversion`;
  return { version, kind: actualKind, why };
}

function internalGroup(kind: ResourceKind): string {
  return kind.group === '' ? 'core' : (kind.group.split('.', 1)[0] ?? '');
}

/** Checks the types of the fields of a whole object. Throws FieldTypeError and TimeSyntaxError. */
export function decodeValue(
  kind: ResourceKind,
  value: JsonObject,
  document: Pick<JsonDocument, 'duplicateFields' | 'numberTexts'>,
): DecodedObject {
  const decoder = new FieldDecoder(document.numberTexts);
  const decoded = decoder.struct(schemaOf(kind), value, '');
  const metadata = normalizeMetadata(isJsonObject(decoded['metadata']) ? decoded['metadata'] : {});
  const warnings = [
    ...document.duplicateFields.map((path) => `duplicate field ${JSON.stringify(path)}`),
    ...decoder.unknownFields.map((path) => `unknown field ${JSON.stringify(path)}`),
  ];
  const { kind: _kind, apiVersion: _apiVersion, metadata: _metadata, ...rest } = decoded;
  return { object: { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata, ...rest }, warnings };
}

/** Checks the types of the fields of a struct that is not an API object; unknown fields are dropped. */
export function decodeFields(
  type: StructType,
  value: JsonObject,
  numberTexts: JsonDocument['numberTexts'],
): JsonObject {
  return new FieldDecoder(numberTexts).struct(type, value, '');
}

class FieldDecoder {
  readonly unknownFields: string[] = [];
  readonly #numberTexts: ReadonlyMap<string, string>;

  constructor(numberTexts: ReadonlyMap<string, string>) {
    this.#numberTexts = numberTexts;
  }

  /** Fields in the order of the schema, so that the answer does not depend on the order of the request. */
  struct(type: StructType, value: JsonObject, path: string): JsonObject {
    const read: JsonObject = {};
    for (const [field, given] of Object.entries(value)) {
      const fieldPath = path === '' ? field : `${path}.${field}`;
      const fieldType = Object.hasOwn(type.fields, field) ? type.fields[field] : undefined;
      if (fieldType === undefined) this.unknownFields.push(fieldPath);
      else if (given !== null) {
        // Go's messages leave out the index of a list element.
        const shownPath = fieldPath.replace(/\[\d+\]/g, '');
        read[field] = this.#value(fieldType, given, fieldPath, shortName(type), shownPath);
      }
    }
    const ordered: JsonObject = {};
    for (const field of Object.keys(type.fields)) {
      const decoded = read[field];
      if (decoded !== undefined && !(type.fields[field] === 'omitEmpty' && decoded === '')) ordered[field] = decoded;
    }
    return ordered;
  }

  #value(type: FieldType, value: unknown, path: string, owner: string, shownPath: string): unknown {
    if (type === 'any') return value;
    const fail = (what: string, goType: string): never => {
      throw new FieldTypeError(
        `json: cannot unmarshal ${what} into Go struct field ${owner}.${shownPath} of type ${goType}`,
      );
    };
    if (typeof type === 'object') return this.#compound(type, value, path, owner, shownPath, fail);
    switch (type) {
      case 'string':
      case 'omitEmpty':
        return typeof value === 'string' ? value : fail(jsonTypeName(value), 'string');
      case 'bool':
        return typeof value === 'boolean' ? value : fail(jsonTypeName(value), 'bool');
      case 'time':
        return typeof value === 'string' ? normalizeTime(value) : fail(jsonTypeName(value), 'string');
      case 'microTime':
        return typeof value === 'string' ? normalizeMicroTime(value) : fail(jsonTypeName(value), 'string');
      case 'int32':
      case 'int64': {
        const text = this.#numberTexts.get(path) ?? String(value);
        if (typeof value !== 'number') return fail(jsonTypeName(value), type);
        if (!/^-?\d+$/.test(text) || BigInt.asIntN(INTEGER_BITS[type], BigInt(text)) !== BigInt(text)) {
          return fail(`number ${text}`, type);
        }
        return value;
      }
      case 'stringMap': {
        if (!isJsonObject(value)) return fail(jsonTypeName(value), 'map[string]string');
        for (const entry of Object.values(value)) {
          if (typeof entry !== 'string' && entry !== null) fail(jsonTypeName(entry), 'string');
        }
        return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, entry ?? '']));
      }
    }
  }

  #compound(
    type: Exclude<FieldType, string>,
    value: unknown,
    path: string,
    owner: string,
    shownPath: string,
    fail: (what: string, goType: string) => never,
  ): unknown {
    if ('fields' in type) {
      return isJsonObject(value) ? this.struct(type, value, path) : fail(jsonTypeName(value), type.goName);
    }
    if (!Array.isArray(value)) return fail(jsonTypeName(value), `[]${goTypeName(type.items)}`);
    return value.map((item, index) =>
      // Go reads null in a list as an empty element.
      item === null ? emptyOf(type.items) : this.#value(type.items, item, `${path}[${index}]`, owner, shownPath),
    );
  }
}

const INTEGER_BITS = { int32: 32, int64: 64 } as const;

/** An empty element of a list; the lists of the API contain texts or structs. */
function emptyOf(type: FieldType): unknown {
  if (typeof type === 'string') return type === 'any' ? null : '';
  return 'fields' in type ? {} : [];
}

function shortName(type: StructType): string {
  return type.goName.split('.').at(-1) ?? type.goName;
}

function goTypeName(type: FieldType): string {
  if (typeof type === 'string') return type === 'omitEmpty' ? 'string' : type;
  return 'fields' in type ? type.goName : `[]${goTypeName(type.items)}`;
}

/** The name of a JSON value's type in Go's messages. */
export function jsonTypeName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}
