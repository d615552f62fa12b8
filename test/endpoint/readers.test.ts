/**
 * Checks the readers of the stream one by one, on connections that a test controls.
 */

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex, type Writable } from 'node:stream';
import { test } from 'node:test';
import { HEARTBEAT_MS, LeaderStream, MAX_UNSENT_BYTES } from '../../src/endpoint/leader-stream.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

/** A reader whose connection sends only what the test lets it send. */
class ScriptedReader {
  readonly socket = new Duplex({ read: () => {}, write: () => {} }) as Socket;
  readonly written: string[] = [];
  /** The bytes that wait for the reader. */
  unsentBytes = 0;
  /** Ends the first write, with the error of a broken connection if there is one. */
  sent: (error?: Error) => void = () => {};

  /** The part of a writable stream that `LeaderStream` uses. */
  get writable(): Writable {
    const reader = this;
    return {
      get writableLength() {
        return reader.unsentBytes;
      },
      write(text: string, sent?: (error?: Error) => void) {
        reader.written.push(text);
        if (sent !== undefined) reader.sent = sent;
        return true;
      },
      end() {
        reader.written.push('end');
      },
    } as Partial<Writable> as Writable;
  }
}

function open(stream: LeaderStream): ScriptedReader {
  const reader = new ScriptedReader();
  stream.open(reader.socket, reader.writable, '{}');
  return reader;
}

const EVENT = 'data: {}\n\n';
const RETRY = 'retry: 1000\n\n';
const COMMENT = ':\n\n';

test('a reader receives the retry interval when its first event was sent', () => {
  const reader = open(new LeaderStream(new ManualClock()));
  assert.deepEqual(reader.written, [EVENT]);
  reader.sent();
  assert.deepEqual(reader.written, [EVENT, RETRY]);
});

test('a reader receives no retry interval when its first event could not be sent', () => {
  const reader = open(new LeaderStream(new ManualClock()));
  reader.sent(new Error('write EPIPE'));
  assert.deepEqual(reader.written, [EVENT]);
});

test('a reader receives no retry interval when the stream has ended before its first event was sent', () => {
  const stream = new LeaderStream(new ManualClock());
  const reader = open(stream);
  stream.close();
  reader.sent();
  assert.deepEqual(reader.written, [EVENT, 'end']);
});

test('a reader is dropped when more than MAX_UNSENT_BYTES wait for it, and its place is free at once', () => {
  const stream = new LeaderStream(new ManualClock());
  const reader = open(stream);
  reader.unsentBytes = MAX_UNSENT_BYTES;
  stream.send('{"a":1}');
  assert.deepEqual(reader.written, [EVENT, 'data: {"a":1}\n\n']);
  reader.unsentBytes += 1;
  stream.send('{"a":2}');
  assert.deepEqual(reader.written, [EVENT, 'data: {"a":1}\n\n']);
  assert.equal(reader.socket.destroyed, true);
  assert.equal(stream.size, 0);
});

test('a reader receives comments when another reader has left', async () => {
  const clock = new ManualClock();
  const stream = new LeaderStream(clock);
  const reader = open(stream);
  const leaver = open(stream);
  await new Promise((resolve) => leaver.socket.once('close', resolve).destroy());
  assert.equal(stream.size, 1);
  clock.advance(HEARTBEAT_MS);
  assert.deepEqual([reader.written, leaver.written], [[EVENT, COMMENT], [EVENT]]);
  assert.deepEqual(
    [...clock.timers].map(({ background }) => background),
    [true],
    'a reader keeps no process alive',
  );
});
