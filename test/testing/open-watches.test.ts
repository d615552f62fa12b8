import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestAttributes } from '../../src/testing/kit/request-filter.ts';
import { HELD_BACK_LIMIT, WatchTracker } from '../../src/testing/kit/watch-tracker.ts';
import { ConnectionResetError } from '../../src/testing/server/faults.ts';
import type { ApiStream } from '../../src/testing/storage/watch.ts';

const TRAITS: RequestAttributes = { client: 'web-0', verb: 'watch', resource: 'leases' };
const always = (): boolean => true;

/** A watch whose lines the test delivers. */
class Source implements ApiStream {
  deliver: (line: string) => void = () => {};
  end: (error?: Error) => void = () => {};
  closed = false;

  open(onChunk: (chunk: string) => void, onEnd: (error?: Error) => void): void {
    this.deliver = onChunk;
    this.end = onEnd;
  }

  close(): void {
    this.closed = true;
  }
}

/** A client that reads `stream`, and records one word for each chunk. */
function read(stream: ApiStream): string[] {
  const seen: string[] = [];
  stream.open(
    (chunk) => seen.push(chunk),
    (error) => seen.push(error === undefined ? 'end' : error.name),
  );
  return seen;
}

function watched(): { watches: WatchTracker; source: Source; stream: ApiStream; seen: string[] } {
  const watches = new WatchTracker();
  const source = new Source();
  const stream = watches.add(source, TRAITS, undefined);
  return { watches, source, stream, seen: read(stream) };
}

test('a watch delivers everything and ends cleanly when there is no fault', () => {
  const { watches, source, seen } = watched();
  source.deliver('a');
  source.end();
  assert.deepEqual(seen, ['a', 'end']);
  assert.equal(watches.cut(always), 0, 'it is no longer open');
});

test('a cut watch ends as a broken connection does, and is closed at the server', () => {
  const { watches, source, seen } = watched();
  assert.equal(
    watches.cut(() => false),
    0,
  );
  assert.equal(watches.cut(always), 1);
  source.deliver('late');
  assert.deepEqual(seen, ['ConnectionResetError']);
  assert.ok(source.closed);
});

test('a watch that is cut before its client reads it ends at the first read', () => {
  const watches = new WatchTracker();
  const stream = watches.add(new Source(), TRAITS, undefined);
  watches.cut(always);
  assert.deepEqual(read(stream), [new ConnectionResetError().name]);
});

test('a silent watch delivers the withheld events, and its end, after the silence', () => {
  const { watches, source, seen } = watched();
  const endSilence = watches.silence(always);
  source.deliver('a');
  source.deliver('b');
  source.end();
  assert.deepEqual(seen, []);
  endSilence();
  endSilence();
  assert.deepEqual(seen, ['a', 'b', 'end']);
});

test('a watch with two silences delivers events when both have ended', () => {
  const { watches, source, seen } = watched();
  const [first, second] = [watches.silence(always), watches.silence(always)];
  source.deliver('a');
  first();
  assert.deepEqual(seen, []);
  second();
  assert.deepEqual(seen, ['a']);
});

test('a watch that is opened during a silence is silent, if it matches', () => {
  const { watches, source, seen } = watched();
  watches.silence(({ client }) => client === 'web-1');
  const other = new Source();
  const silent = read(watches.add(other, { ...TRAITS, client: 'web-1' }, undefined));
  source.deliver('a');
  other.deliver('b');
  assert.deepEqual([seen, silent], [['a'], []]);
});

test('a client that has closed its watch receives nothing', () => {
  const { watches, source, stream, seen } = watched();
  const endSilence = watches.silence(always);
  source.deliver('a');
  stream.close();
  stream.close();
  endSilence();
  assert.deepEqual([seen, source.closed, watches.cut(always)], [[], true, 0]);
});

test('a silent watch is cut when too many chunks are withheld', () => {
  const { watches, source, seen } = watched();
  watches.silence(always);
  for (let count = 0; count <= HELD_BACK_LIMIT; count += 1) source.deliver('x');
  assert.deepEqual(seen, ['ConnectionResetError']);
});
