/**
 * The form of an answer: whole objects, their metadata alone, or tables; JSON or YAML. The Accept header
 * selects it.
 */

import { toServed } from '../kinds/event-strategy.ts';
import { type ApiObject, encodeListItem, encodeObject, type JsonObject, partialObject } from '../objects/api-object.ts';
import { apiVersionOf, type ResourceKind } from '../objects/resources.ts';
import { StatusError } from '../objects/status.ts';
import type { ListMeta, Representation } from './representation-type.ts';
import { tableOf } from './table.ts';

/** Whole objects as JSON. */
const JSON_OBJECTS: Representation = {
  form: 'object',
  contentType: 'application/json',
  metaVersion: 'v1',
  includeObject: 'Metadata',
};

const FORMS = new Set(['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']);

/** Further inputs of the choice, besides the header. */
interface NegotiationOptions {
  readonly watch: boolean;
  readonly includeObject?: string | null;
  /** Set for a list: its Go type, for messages. */
  readonly listKind?: string;
}

/** The media types of objects. */
const MEDIA_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'] as const;
/** The media types of watches. */
const STREAM_TYPES: readonly string[] = [
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
];

/** 406: the types are known, but not in this form. */
function onlyAccepted(types: readonly string[]): StatusError {
  const message = `only the following media types are accepted: ${types.join(', ')}`;
  return new StatusError(406, 'NotAcceptable', message);
}

/** 406: no type is known. */
function notAcceptable(available: readonly string[]): StatusError {
  const message = `406: Not Acceptable\n\nAvailable representations: ${available.join(', ')}`;
  return new StatusError(406, 'NotAcceptable', message, {});
}

/**
 * Chooses by the Accept header, in the order of the header. Throws 406 when nothing in it can be sent.
 */
export function negotiate(accept: string | undefined, options: NegotiationOptions): Representation {
  if (accept === undefined || accept === '' || accept === 'application/json') return JSON_OBJECTS;
  let unknownForm = false;
  for (const clause of accept.split(',')) {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim());
    const given = new Map(parameters.map((parameter) => parameter.split('=', 2) as [string, string]));
    const chosen = choose(type.toLowerCase(), given, options);
    if (chosen === 'unknown form') unknownForm = true;
    else if (chosen !== undefined) return streamable(chosen, options);
  }
  if (unknownForm) throw onlyAccepted(MEDIA_TYPES);
  // A list and a watch share one route, which supports both (kubernetes: apiserver/pkg/endpoints/installer.go).
  const alsoStreams = options.watch || options.listKind !== undefined;
  throw notAcceptable(alsoStreams ? [...MEDIA_TYPES, ...STREAM_TYPES] : MEDIA_TYPES);
}

/** There are no streams of YAML (kubernetes: negotiation/negotiate.go, NegotiateOutputMediaTypeStream). */
function streamable(chosen: Representation, { watch }: NegotiationOptions): Representation {
  if (watch && chosen.contentType === 'application/yaml') throw onlyAccepted(STREAM_TYPES);
  return chosen;
}

/** A type in which a real server serves documents that are not objects. */
export type DocumentType = (typeof MEDIA_TYPES)[number];

/**
 * Chooses by the Accept header among the types of a discovery document, which has no other forms. Throws 406 when
 * none of them can be sent; protobuf is named in the answer, and never sent.
 */
export function negotiateDocument(accept: string, types: readonly DocumentType[]): Representation {
  if (accept === '') return JSON_OBJECTS;
  let unknownForm = false;
  for (const clause of accept.split(',')) {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim().toLowerCase());
    const sent = ['*/*', 'application/*'].includes(type) ? 'application/json' : type;
    if (sent === 'application/vnd.kubernetes.protobuf' || !(types as readonly string[]).includes(sent)) continue;
    if (parameters.some((parameter) => /^(as|g|v)=/.test(parameter))) unknownForm = true;
    else return { ...JSON_OBJECTS, contentType: sent };
  }
  throw unknownForm ? onlyAccepted(types) : notAcceptable(types);
}

function choose(
  type: string,
  parameters: ReadonlyMap<string, string>,
  options: NegotiationOptions,
): Representation | 'unknown form' | undefined {
  const yaml = type === 'application/yaml';
  const json = type === 'application/json' || type === '*/*' || type === 'application/*';
  if (!yaml && !json) return undefined;
  const contentType = yaml ? 'application/yaml' : 'application/json';
  const as = parameters.get('as');
  if (as === undefined) return yaml ? { ...JSON_OBJECTS, contentType } : JSON_OBJECTS;
  const metaVersion = parameters.get('v') ?? '';
  const known = parameters.get('g') === 'meta.k8s.io' && (metaVersion === 'v1' || metaVersion === 'v1beta1');
  if (!known || !FORMS.has(as)) return 'unknown form';
  if (options.listKind !== undefined && as === 'PartialObjectMetadata') {
    const message = `you requested ${as}, but the requested object is a list (*${options.listKind})`;
    throw new StatusError(406, 'NotAcceptable', message);
  }
  const form = as === 'Table' ? 'table' : 'partial';
  const asked = options.includeObject;
  const includeObject = asked === 'None' || asked === 'Object' ? asked : 'Metadata';
  return { form, contentType, metaVersion, includeObject };
}

/** The text of one object. */
export function renderObject(
  representation: Representation,
  kind: ResourceKind,
  object: ApiObject,
  nowMs: number,
): string {
  switch (representation.form) {
    case 'object':
      return encodeObject(toServed(kind, object));
    case 'partial':
      return encodeObject(partialObject(object, representation.metaVersion));
    case 'table':
      return JSON.stringify(
        tableOf(kind, [object], representation, nowMs, { resourceVersion: object.metadata.resourceVersion }),
      );
  }
}

/** The text of a list. */
export function renderList(
  representation: Representation,
  kind: ResourceKind,
  items: readonly ApiObject[],
  meta: ListMeta,
  nowMs: number,
): string {
  if (representation.form === 'table') return JSON.stringify(tableOf(kind, items, representation, nowMs, meta));
  const whole = representation.form === 'object';
  const texts = whole
    ? items.map((item) => encodeListItem(toServed(kind, item)))
    : items.map((item) => encodeObject(partialObject(item, representation.metaVersion)));
  const listKind = whole ? `${kind.kind}List` : 'PartialObjectMetadataList';
  const apiVersion = whole ? apiVersionOf(kind) : `meta.k8s.io/${representation.metaVersion}`;
  const head = JSON.stringify({ kind: listKind, apiVersion, metadata: meta });
  return `${head.slice(0, -1)},"items":[${texts.join(',')}]}`;
}

const eventTexts = new WeakMap<ApiObject, Map<string, string>>();

/**
 * One line of a watch. The text is made once per form and stored with the object, for any number of
 * watchers.
 */
export function renderEvent(
  representation: Representation,
  kind: ResourceKind,
  type: string,
  object: ApiObject,
  nowMs: number,
  first: boolean,
): string {
  if (representation.form === 'table') {
    const meta = { resourceVersion: object.metadata.resourceVersion };
    const table: JsonObject = { ...tableOf(kind, [object], representation, nowMs, meta) };
    if (!first) table['columnDefinitions'] = null;
    return `${JSON.stringify({ type, object: table })}\n`;
  }
  const key = representation.form === 'object' ? `${type} ${kind.group}` : `${type} as ${representation.metaVersion}`;
  let texts = eventTexts.get(object);
  if (texts === undefined) {
    texts = new Map();
    eventTexts.set(object, texts);
  }
  let text = texts.get(key);
  if (text === undefined) {
    text = `{"type":"${type}","object":${renderObject(representation, kind, object, nowMs)}}\n`;
    texts.set(key, text);
  }
  return text;
}
