/**
 * Opens one list or one watch of the object with a given name, and converts lines into objects.
 *
 * The rules when to list, resume or stop are in `core/watch.ts`.
 */

import type { RequestFailure } from '../core/request-failure.ts';
import type { WatchEvent } from '../core/watch.ts';
import type { Answer, WatchPort, WatchSink, WatchStream } from '../driver/ports.ts';
import { isObject } from '../runtime/object-kind.ts';
import type { ApiTransport } from './api-client.ts';
import { failureOfError, failureOfErrorEvent, malformed } from './api-error.ts';
import { explainProblem, objectOr, type Position, type Reading } from './api-object.ts';
import type { ApiRequest } from './api-request.ts';
import { parseJson } from './bounded-json.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import { type Conceal, cleanWords } from './server-words.ts';

/**
 * A line of more bytes ends the stream. etcd stores no object of more than 1.5 MiB, and a Lease has a few hundred
 * bytes.
 */
export const LINE_LIMIT_BYTES: number = 1024 * 1024;

/** The kind of object that is watched, and the function that reads it. */
export interface WatchedObject<Item> {
  readonly client: ApiTransport;
  readonly apiGroup: string;
  readonly resource: string;
  /** `LeaseList`, `PodList`. */
  readonly listKind: string;
  readonly namespace: string;
  /** The name of the object; `''` with a label. */
  readonly name: string;
  /** Watches the objects with this label (`key=value`) instead of the object with the name. */
  readonly labelSelector?: string;
  readonly read: (value: unknown, position: Position) => Reading<Item>;
}

/** The list and the watch of one object, or of the objects with a label. */
export function watchPort<Item>(watched: WatchedObject<Item>): WatchPort<Item> {
  const { client, apiGroup, resource, namespace, name, labelSelector } = watched;
  const selection = labelSelector === undefined ? {} : { selection: { labelSelector } };
  const selected = { apiGroup, resource, namespace, name, ...selection };
  return {
    async list() {
      const request: ApiRequest = { verb: 'list', ...selected };
      const answer = await client.request(request);
      return answer.ok ? readList(watched, request, answer.value) : { ok: false, failure: answer.failure };
    },
    open(resourceVersion, timeoutSeconds, sink) {
      const watch = { resourceVersion, timeoutSeconds };
      return openWatch(watched, { verb: 'watch', ...selected, watch }, sink);
    },
  };
}

function readList<Item>(
  watched: WatchedObject<Item>,
  request: ApiRequest,
  value: unknown,
): Answer<{ readonly items: readonly Item[]; readonly resourceVersion: string }> {
  const refused = (what: string) => ({ ok: false, failure: malformed(request, what) }) as const;
  const { listKind, apiGroup } = watched;
  const apiVersion = apiGroup === '' ? 'v1' : `${apiGroup}/v1`;
  if (!isObject(value) || value['kind'] !== listKind || (value['apiVersion'] ?? apiVersion) !== apiVersion) {
    return refused(`the answer is not a ${listKind}`);
  }
  const { resourceVersion, continue: nextPage } = objectOr(value['metadata']);
  // Go writes an empty list as null. A missing list is not an empty list.
  const values = value['items'] === null ? [] : value['items'];
  if (typeof resourceVersion !== 'string' || !/^\d+$/.test(resourceVersion) || !Array.isArray(values)) {
    return refused(`the ${listKind} has no resourceVersion or no items`);
  }
  const items: Item[] = [];
  for (const one of values) {
    const reading = watched.read(one, 'item');
    if (reading.ok) items.push(reading.value);
    else if (!reading.isAnother) return refused(explainProblem(`an item of the ${listKind}`, reading.problem));
  }
  // No page was requested, and the object could be on the next page.
  if (items.length === 0 && nextPage != null && nextPage !== '') {
    return refused(`the ${listKind} is one page of several, although no page was requested`);
  }
  return { ok: true, value: { items, resourceVersion } };
}

function openWatch<Item>(watched: WatchedObject<Item>, request: ApiRequest, sink: WatchSink<Item>): WatchStream {
  let over = false;
  const end = (failure: RequestFailure | null): void => {
    if (over) return;
    over = true;
    stream.close();
    sink.ended(failure);
  };
  const takeLine = (line: string): void => {
    if (over || line.trim() === '') return;
    const read = readLine(watched, request, line);
    if (!read.ok) end(read.failure);
    else if (read.value !== null) sink.event(read.value);
  };
  const lines = new LineSplitter(takeLine);
  const stream = watched.client.stream(request, {
    opened: () => sink.opened(),
    bytes(chunk) {
      if (!lines.push(chunk)) end(malformed(request, `a line of the watch is longer than ${LINE_LIMIT_BYTES} bytes`));
    },
    ended(failure) {
      const rest = lines.rest();
      if (failure !== null || rest.trim() === '') return end(failure);
      // A complete object without its newline is an event. An incomplete object means that the connection was cut. A
      // resumed watch delivers its event again.
      if (!parseJson(rest).ok)
        return end(failureOfError(request, new Error('the stream ended in the middle of a line')));
      takeLine(rest);
      end(null);
    },
  });
  return {
    close() {
      over = true;
      stream.close();
    },
  };
}

function readLine<Item>(
  watched: WatchedObject<Item>,
  request: ApiRequest,
  line: string,
): Answer<WatchEvent<Item> | null> {
  const parsed = parseJson(line);
  if (!parsed.ok) return { ok: false, failure: malformed(request, `a line of the watch ${parsed.problem}`) };
  const { value } = parsed;
  if (!isObject(value)) return { ok: false, failure: malformed(request, 'a line of the watch is not an event') };
  const { type, object } = value;
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED': {
      const reading = watched.read(object, 'whole');
      if (reading.ok) return { ok: true, value: { type: EVENT_TYPES[type], item: reading.value } };
      if (reading.isAnother) return { ok: true, value: null };
      const what = explainProblem(`the object of an event ${type}`, reading.problem);
      return { ok: false, failure: malformed(request, what) };
    }
    case 'BOOKMARK': {
      const { kind, metadata } = objectOr(object);
      if (kind != null && `${kind}List` !== watched.listKind) {
        return { ok: false, failure: malformed(request, `a bookmark is of another kind than ${watched.listKind}`) };
      }
      const { resourceVersion } = objectOr(metadata);
      if (typeof resourceVersion !== 'string' || !/^\d+$/.test(resourceVersion)) {
        return { ok: false, failure: malformed(request, 'a bookmark has no resourceVersion') };
      }
      return { ok: true, value: { type: 'bookmark', resourceVersion } };
    }
    case 'ERROR':
      return {
        ok: true,
        value: { type: 'error', failure: failureOfErrorEvent(request, object, watched.client.conceal) },
      };
    default:
      return { ok: false, failure: malformed(request, `an event has ${unknownType(type, watched.client.conceal)}`) };
  }
}

function unknownType(type: unknown, conceal: Conceal | undefined): string {
  return typeof type === 'string' ? `the unknown type "${cleanWords(type, conceal)}"` : 'no type';
}

const EVENT_TYPES = { ADDED: 'added', MODIFIED: 'modified', DELETED: 'deleted' } as const;

const NEWLINE = 0x0a;

/**
 * Splits bytes into lines. It does not decode chunks, because a chunk can end inside a character (wire fact 20). No
 * byte of a longer UTF-8 character is a newline.
 */
class LineSplitter {
  readonly #takeLine: (line: string) => void;
  readonly #line = new GrowingBuffer(LINE_LIMIT_BYTES);

  constructor(takeLine: (line: string) => void) {
    this.#takeLine = takeLine;
  }

  /** Adds a chunk. Returns `false` when a line is longer than the limit; no further chunk is permitted then. */
  push(chunk: Buffer): boolean {
    let start = 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, start);
      if (!this.#line.append(chunk.subarray(start, newline < 0 ? chunk.length : newline))) return false;
      if (newline < 0) return true;
      this.#takeLine(this.rest());
      start = newline + 1;
    }
  }

  /** Returns the part of the current line that was received. */
  rest(): string {
    return this.#line.take();
  }
}
