/**
 * POST, PUT, PATCH and DELETE of objects: calls the registry with the request and renders the answer. The rules of
 * the objects are in registry.ts and the strategies.
 */

import type { Clock } from '../../runtime/clock.ts';
import type { Authorizer } from '../access/authorization.ts';
import {
  decodeBody,
  decodeValue,
  FieldTypeError,
  type FieldValidation,
  jsonTypeName,
  kindMismatch,
  readBody,
} from '../formats/decoding.ts';
import { type JsonDocument, JsonSyntaxError } from '../formats/json-reader.ts';
import { applyJsonPatch, applyMergePatch, applyStrategicPatch } from '../formats/patch.ts';
import { negotiate, renderList, renderObject } from '../formats/representation.ts';
import { toServed, toStored } from '../kinds/event-strategy.ts';
import { strategyOf } from '../kinds/strategies.ts';
import { type ApiObject, isJsonObject, type JsonObject, sameJson, withMetadata } from '../objects/api-object.ts';
import { TimeSyntaxError } from '../objects/go-time.ts';
import { badRequest, invalid, notFound, StatusError, successStatus } from '../objects/status.ts';
import type { Registry } from '../storage/registry.ts';
import type { Admission } from './admission.ts';
import { type ApiResponse, jsonResponse, type ResourceContext } from './api-request.ts';
import { readDeleteOptions } from './delete-options.ts';
import { parseResourceVersion, readListOptions, readWriteOptions } from './list-options.ts';
import { type ReadRequests, textOf } from './read.ts';

/** Answers writes. */
export class WriteRequests {
  readonly #reads: ReadRequests;
  readonly #registry: Registry;
  readonly #authorizer: Authorizer;
  readonly #admission: Admission;
  readonly #clock: Clock;

  constructor(reads: ReadRequests, registry: Registry, authorizer: Authorizer, admission: Admission, clock: Clock) {
    this.#reads = reads;
    this.#registry = registry;
    this.#authorizer = authorizer;
    this.#admission = admission;
    this.#clock = clock;
  }

  create(context: ResourceContext): ApiResponse {
    const { kind, namespace, query, request } = context;
    const options = readWriteOptions(query, 'CreateOptions');
    const representation = negotiate(request.headers['accept'], { watch: false });
    const decoded = decodeBody(kind, request.body ?? '', request.headers['content-type'], options.fieldValidation);
    checkNamespaceOf(decoded.object, namespace);
    const draft = dedupOwners(this.#admission.mutate(context, toStored(kind, decoded.object), undefined));
    const object = this.#registry.create(kind, namespace, draft, {
      dryRun: options.dryRun,
      admit: this.#admits(context),
    });
    return withWarnings(textOf(representation, this.#render(context, object), 201), [
      ...decoded.warnings,
      ...duplicateOwnerWarnings(decoded.object),
    ]);
  }

  replace(context: ResourceContext): ApiResponse {
    const { kind, namespace, query, request, info } = context;
    const options = readWriteOptions(query, 'UpdateOptions');
    const representation = negotiate(request.headers['accept'], { watch: false });
    const decoded = decodeBody(kind, request.body ?? '', request.headers['content-type'], options.fieldValidation);
    checkNameOf(decoded.object, info.name);
    checkNamespaceOf(decoded.object, namespace);
    const sent = toStored(kind, decoded.object);
    const draftOf = (current: ApiObject | undefined): ApiObject =>
      dedupOwners(this.#admission.mutate(context, sent, current));
    const { object, created } = this.#registry.update(kind, namespace, info.name, draftOf, {
      subresource: info.subresource,
      dryRun: options.dryRun,
      admit: this.#admits(context),
      mayCreate: () => this.#authorizer.check(context.user, { ...info, verb: 'create', subresource: '' }),
    });
    return withWarnings(textOf(representation, this.#render(context, object), created ? 201 : 200), [
      ...decoded.warnings,
      ...duplicateOwnerWarnings(decoded.object),
    ]);
  }

  patch(context: ResourceContext): ApiResponse {
    const { kind, namespace, query, request, info } = context;
    const contentType = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim() ?? '';
    const apply = PATCH_TYPES[contentType];
    if (apply === undefined) throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
    const options = readWriteOptions(query, 'PatchOptions');
    const representation = negotiate(request.headers['accept'], { watch: false });
    const patch = readPatch(request.body ?? '', contentType);
    let warnings: readonly string[] = [];
    const { object } = this.#registry.update(
      kind,
      namespace,
      info.name,
      (current) => {
        if (current === undefined) throw notFound(kind, info.name);
        const patched = decodePatched(
          context,
          apply(toServed(kind, current), patch.value),
          patch,
          options.fieldValidation,
        );
        warnings = patched.warnings;
        checkNameOf(patched.object, info.name);
        checkNamespaceOf(patched.object, namespace);
        return this.#admission.mutate(context, patched.object, current);
      },
      {
        subresource: info.subresource,
        dryRun: options.dryRun,
        admit: this.#admits(context),
        checkUid: false,
      },
    );
    return withWarnings(textOf(representation, this.#render(context, object)), warnings);
  }

  delete(context: ResourceContext): ApiResponse {
    const { kind, namespace, info } = context;
    const options = readDeleteOptions(context);
    const representation = negotiate(context.request.headers['accept'], { watch: false });
    const { object, removed } = this.#registry.delete(kind, namespace, info.name, options, (current) =>
      this.#admission.check(context, undefined, current),
    );
    if (!removed || strategyOf(kind).returnsDeletedObject) {
      return textOf(representation, renderObject(representation, kind, object, this.#clock.wallMs()));
    }
    const { name, uid } = object.metadata;
    const group = kind.group === '' ? {} : { group: kind.group };
    return jsonResponse(200, JSON.stringify(successStatus({ name, ...group, kind: kind.resource, uid })));
  }

  deleteCollection(context: ResourceContext): ApiResponse {
    const { kind, query, request } = context;
    const options = readDeleteOptions(context);
    const selection = readListOptions(kind, query, false);
    const representation = negotiate(request.headers['accept'], { watch: false });
    // The same objects as in a list with the same options, including its limit.
    const { items, meta } = this.#reads.page(context, selection, parseResourceVersion(selection.resourceVersion));
    for (const { metadata } of items) {
      this.#registry.delete(kind, metadata.namespace ?? '', metadata.name, options, (current) =>
        this.#admission.check(context, undefined, current),
      );
    }
    return textOf(representation, renderList(representation, kind, items, meta, this.#clock.wallMs()));
  }

  #admits(context: ResourceContext): (next: ApiObject, current: ApiObject | undefined) => void {
    return (next, current) => this.#admission.check(context, next, current);
  }

  #render(context: ResourceContext, object: ApiObject): string {
    const representation = negotiate(context.request.headers['accept'], { watch: false });
    return renderObject(representation, context.kind, object, this.#clock.wallMs());
  }
}

const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';

const PATCH_TYPES: Readonly<Record<string, (current: ApiObject, patch: unknown) => unknown>> = {
  'application/merge-patch+json': applyMergePatch,
  [JSON_PATCH]: applyJsonPatch,
  // Such a patch cannot change the kind of an object.
  [STRATEGIC_PATCH]: (current, patch) => ({
    ...(applyStrategicPatch(current, patch) as JsonObject),
    kind: current.kind,
    apiVersion: current.apiVersion,
  }),
};

function readPatch(body: string, contentType: string): JsonDocument {
  // The error of a strategic merge patch has no such prefix.
  const refuse = (why: string): Error =>
    badRequest(contentType === STRATEGIC_PATCH ? why : `error decoding patch: ${why}`);
  try {
    const document = readBody(body, 'application/json');
    const { value } = document;
    if (contentType === JSON_PATCH || value === null || isJsonObject(value)) return document;
    throw refuse(`json: cannot unmarshal ${jsonTypeName(value)} into Go value of type map[string]interface {}`);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw refuse(error.message);
    throw error;
  }
}

/** The object that a patch has made, checked like a body. Its errors have the words of a patch. */
function decodePatched(
  { kind }: ResourceContext,
  value: unknown,
  patch: JsonDocument,
  fieldValidation: FieldValidation,
): { readonly object: ApiObject; readonly warnings: readonly string[] } {
  const refuse = (why: string): Error =>
    invalid(' ""', {}, [{ type: 'Invalid', field: 'patch', value: ANY_VALUE, detail: why }]);
  const fields: JsonObject = isJsonObject(value) ? value : {};
  const mismatch = kindMismatch(kind, fields);
  if (mismatch !== undefined) throw refuse(mismatch.why);
  try {
    const { duplicateFields } = patch;
    const decoded = decodeValue(kind, fields, { duplicateFields, numberTexts: new Map() });
    if (fieldValidation === 'Strict' && decoded.warnings.length > 0) {
      throw refuse(`strict decoding error: ${decoded.warnings.join(', ')}`);
    }
    const object = toStored(kind, decoded.object);
    return { object, warnings: fieldValidation === 'Ignore' ? [] : decoded.warnings };
  } catch (error) {
    if (error instanceof FieldTypeError || error instanceof TimeSyntaxError) throw refuse(error.message);
    throw error;
  }
}

/** A real server shows this text instead of the patch. */
const ANY_VALUE = '<any>';

function checkNameOf(object: ApiObject, name: string): void {
  const given = object.metadata.name;
  if (given === name) return;
  if (given === '') {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
}

function checkNamespaceOf(object: ApiObject, namespace: string): void {
  const given = object.metadata.namespace ?? '';
  if (given === '' || given === namespace) return;
  throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

/** An owner named twice counts once (wire recording lease-owner-reference-validation). */
function dedupOwners(object: ApiObject): ApiObject {
  const references = object.metadata.ownerReferences ?? [];
  const unique = references.filter(
    (reference, index) => references.findIndex((other) => sameJson(other, reference)) === index,
  );
  return unique.length === references.length ? object : withMetadata(object, { ownerReferences: unique });
}

function duplicateOwnerWarnings(object: ApiObject): readonly string[] {
  const uids = (object.metadata.ownerReferences ?? []).map((reference) => reference.uid);
  const repeated = [...new Set(uids.filter((uid, index) => uids.indexOf(uid) !== index))];
  if (repeated.length === 0) return [];
  return [
    '.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may ' +
      `reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${repeated.join(', ')}`,
  ];
}

function withWarnings(response: ApiResponse, warnings: readonly string[]): ApiResponse {
  if (warnings.length === 0) return response;
  const warning = warnings.map((text) => `299 - ${JSON.stringify(text)}`).join(', ');
  return { ...response, headers: { ...response.headers, warning } };
}
