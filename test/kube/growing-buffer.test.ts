/**
 * Checks the pieces of memory that collect the bytes of a text: how large they are, and how long they are kept.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GrowingBuffer } from '../../src/kube/growing-buffer.ts';

const KIB = 1_024;

interface Row {
  readonly rule: string;
  readonly limit: number;
  /** The lengths of the chunks; `'take'` ends a text. */
  readonly chunks: readonly (number | 'take')[];
  /** The pieces of memory that are allocated, in bytes. */
  readonly pieces: readonly number[];
}

const ROWS: readonly Row[] = [
  { rule: 'small chunks share the first piece', limit: 1_024 * KIB, chunks: [1, 4 * KIB - 2, 1], pieces: [4 * KIB] },
  {
    rule: 'the memory doubles when a piece is full',
    limit: 1_024 * KIB,
    chunks: [4 * KIB, 1, 4 * KIB, 4 * KIB],
    pieces: [4 * KIB, 8 * KIB, 16 * KIB],
  },
  {
    rule: 'a chunk that is longer than twice the memory has a piece of its length',
    limit: 1_024 * KIB,
    chunks: [1, 100 * KIB],
    pieces: [4 * KIB, 100 * KIB + 1],
  },
  {
    rule: 'no piece is longer than the limit',
    limit: 9 * KIB,
    chunks: [4 * KIB, 4 * KIB, KIB],
    pieces: [4, 8, 9].map((n) => n * KIB),
  },
  {
    rule: 'a piece of 64 KiB is kept for the next text',
    limit: 1_024 * KIB,
    chunks: [64 * KIB, 'take', 1, 'take', 64 * KIB],
    pieces: [64 * KIB],
  },
  {
    rule: 'a longer piece is released after its text',
    limit: 1_024 * KIB,
    chunks: [64 * KIB + 1, 'take', 1],
    pieces: [64 * KIB + 1, 4 * KIB],
  },
];

for (const { rule, limit, chunks, pieces } of ROWS) {
  test(rule, (t) => {
    const allocated: number[] = [];
    const { allocUnsafeSlow } = Buffer;
    t.mock.method(Buffer, 'allocUnsafeSlow', (size: number) => {
      allocated.push(size);
      return allocUnsafeSlow(size);
    });
    const buffer = new GrowingBuffer(limit);
    for (const chunk of chunks) {
      if (chunk === 'take') buffer.take();
      else assert.equal(buffer.append(Buffer.alloc(chunk, 'x')), true);
    }
    assert.deepEqual(allocated, pieces);
  });
}
