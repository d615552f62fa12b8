/**
 * Collects bytes up to a limit in one piece of memory that doubles. Small chunks therefore need no more memory than
 * large chunks.
 */

const EMPTY: Buffer = Buffer.alloc(0);

/** The size of the first piece of memory, in bytes: most answers and lines fit into it. */
const FIRST_CAPACITY_BYTES = 4 * 1024;

/** A piece of memory of up to this many bytes is kept for the next text. */
const KEPT_CAPACITY_BYTES = 64 * 1024;

/** The bytes of one text, which arrive in chunks. */
export class GrowingBuffer {
  readonly #limitBytes: number;
  #bytes: Buffer = EMPTY;
  #length = 0;

  /** @param limitBytes the length of the longest text that is accepted */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Adds a chunk. Returns `false` when the text is longer than the limit; all its bytes are then dropped. */
  append(chunk: Buffer): boolean {
    const length = this.#length + chunk.length;
    if (length > this.#limitBytes) {
      this.#forget();
      return false;
    }
    if (length > this.#bytes.length) this.#grow(length);
    chunk.copy(this.#bytes, this.#length);
    this.#length = length;
    return true;
  }

  /** Returns the text so far, as UTF-8, and begins the next text. */
  take(): string {
    const text = this.#bytes.toString('utf8', 0, this.#length);
    this.#forget();
    return text;
  }

  #forget(): void {
    this.#length = 0;
    if (this.#bytes.length > KEPT_CAPACITY_BYTES) this.#bytes = EMPTY;
  }

  #grow(neededBytes: number): void {
    const doubled = Math.max(FIRST_CAPACITY_BYTES, 2 * this.#bytes.length);
    // The memory is not taken from the pool of small buffers, because a slice of the pool would keep the whole pool
    // alive.
    const bytes = Buffer.allocUnsafeSlow(Math.min(this.#limitBytes, Math.max(neededBytes, doubled)));
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
  }
}
