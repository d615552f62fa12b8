/**
 * Opens one list or one watch of the object with a given name, and turns lines into objects.
 *
 * It decides nothing: when to list, resume or give up are the rules of `core/watch.ts`.
 */

import type { RequestFailure } from '../core/request-failure.ts';
import type { WatchEvent } from '../core/watch.ts';
import type { Answer, WatchPort, WatchSink, WatchStream } from '../driver/ports.ts';
import type { ApiTransport } from './api-client.ts';
import { failureOfError, failureOfErrorEvent, isObject, malformed } from './api-error.ts';
import type { ApiRequest } from './api-request.ts';
import { parseJson } from './bounded-json.ts';
import { GrowingBuffer } from './growing-buffer.ts';
import { type Conceal, cleanWords } from './server-words.ts';

/** A longer line ends the stream, in bytes. etcd keeps no object of more than 1.5 MiB, and a Lease has a few hundred bytes. */
export const LINE_LIMIT_BYTES: number = 1024 * 1024;

/** What is watched, and how its objects are read. */
export interface WatchedObject<Item> {
  readonly client: ApiTransport;
  readonly apiGroup: string;
  readonly resource: string;
  /** `LeaseList`, `PodList`. */
  readonly listKind: string;
  readonly namespace: string;
  readonly name: string;
  /** `null` when the value is no such object. */
  readonly read: (value: unknown) => Item | null;
}

/** The list and the watch of one object. */
export function watchPort<Item>(watched: WatchedObject<Item>): WatchPort<Item> {
  const { client, apiGroup, resource, namespace, name } = watched;
  return {
    async list() {
      const request: ApiRequest = { verb: 'list', apiGroup, resource, namespace, name };
      const answer = await client.request(request);
      return answer.ok ? readList(watched, request, answer.value) : { ok: false, failure: answer.failure };
    },
    open(resourceVersion, timeoutSeconds, sink) {
      const watch = { resourceVersion, timeoutSeconds };
      return openWatch(watched, { verb: 'watch', apiGroup, resource, namespace, name, watch }, sink);
    },
  };
}

function readList<Item>(
  watched: WatchedObject<Item>,
  request: ApiRequest,
  value: unknown,
): Answer<{ readonly items: readonly Item[]; readonly resourceVersion: string }> {
  if (!isObject(value) || value['kind'] !== watched.listKind || !isObject(value['metadata'])) {
    return { ok: false, failure: malformed(request, `the answer is no ${watched.listKind}`) };
  }
  const { resourceVersion } = value['metadata'];
  const values = value['items'] ?? [];
  if (typeof resourceVersion !== 'string' || !/^\d+$/.test(resourceVersion) || !Array.isArray(values)) {
    return { ok: false, failure: malformed(request, `the ${watched.listKind} has no resourceVersion or no items`) };
  }
  const items: Item[] = [];
  for (const one of values) {
    if (!hasName(one, watched.name)) continue;
    const item = watched.read(one);
    if (item === null)
      return { ok: false, failure: malformed(request, `an item of the ${watched.listKind} cannot be read`) };
    items.push(item);
  }
  return { ok: true, value: { items, resourceVersion } };
}

/** Also where a server does not know the field selector, nothing but the one object passes. */
function hasName(value: unknown, name: string): boolean {
  if (!isObject(value) || !isObject(value['metadata'])) return true;
  const itsName = value['metadata']['name'];
  return itsName === undefined || itsName === name;
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
      // A whole object without its newline is an event; half of one is a connection that was cut, whose
      // missing part comes again from the resume point.
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
  if (!isObject(value)) return { ok: false, failure: malformed(request, 'a line of the watch is no event') };
  const { type, object } = value;
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED': {
      if (!hasName(object, watched.name)) return { ok: true, value: null };
      const item = watched.read(object);
      if (item === null)
        return { ok: false, failure: malformed(request, `the object of an event ${type} cannot be read`) };
      return { ok: true, value: { type: EVENT_TYPES[type], item } };
    }
    case 'BOOKMARK': {
      const metadata = isObject(object) ? object['metadata'] : null;
      const resourceVersion = isObject(metadata) ? metadata['resourceVersion'] : null;
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
 * Cuts bytes into lines. It works on bytes because a character may be split over chunks (wire fact 20),
 * and no byte of a longer UTF-8 character is a newline.
 */
class LineSplitter {
  readonly #takeLine: (line: string) => void;
  readonly #line = new GrowingBuffer(LINE_LIMIT_BYTES);

  constructor(takeLine: (line: string) => void) {
    this.#takeLine = takeLine;
  }

  /** `false` when a line is longer than the limit; nothing more must be pushed then. */
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

  /** Takes what is there of the present line. */
  rest(): string {
    return this.#line.take();
  }
}
