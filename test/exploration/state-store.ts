/**
 * Stores millions of states in typed arrays: their fingerprints, the first path to each, and every transition.
 */

/** A list of 32-bit numbers that grows. */
export class NumberList {
  #values = new Uint32Array(1 << 16);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Uint32Array(this.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length] = value;
    this.length += 1;
  }

  slice(begin: number, end: number): number[] {
    return [...this.#values.subarray(begin, end)];
  }

  at(index: number): number {
    return this.#values[index] as number;
  }
}

export class StateStore {
  readonly #high = new NumberList();
  readonly #low = new NumberList();
  readonly #parent = new NumberList();
  readonly #move = new NumberList();
  /** A hash table of positions in the lists, plus one. 0 is a free place. */
  #places = new Uint32Array(1 << 18);
  /** The transitions of state n are those from `#begins[n]`. */
  readonly #begins = new NumberList();
  readonly #targets = new NumberList();

  get size(): number {
    return this.#high.length;
  }

  get transitions(): number {
    return this.#targets.length;
  }

  /** The number of the state with this fingerprint. A new state gets the next number. */
  add(high: number, low: number, parent: number, move: number): number {
    if (this.size * 2 >= this.#places.length) this.#grow();
    const mask = this.#places.length - 1;
    for (let place = (high ^ low) & mask; ; place = (place + 1) & mask) {
      const found = (this.#places[place] as number) - 1;
      if (found < 0) {
        this.#places[place] = this.size + 1;
        this.#high.push(high);
        this.#low.push(low);
        this.#parent.push(parent);
        this.#move.push(move);
        return this.size - 1;
      }
      if (this.#high.at(found) === high && this.#low.at(found) === low) return found;
    }
  }

  #grow(): void {
    const places = new Uint32Array(this.#places.length * 2);
    const mask = places.length - 1;
    for (let index = 0; index < this.size; index += 1) {
      let place = (this.#high.at(index) ^ this.#low.at(index)) & mask;
      while (places[place] !== 0) place = (place + 1) & mask;
      places[place] = index + 1;
    }
    this.#places = places;
  }

  /** Begins the transitions of the next state. States are explored in the order of their numbers. */
  begin(): void {
    this.#begins.push(this.#targets.length);
  }

  addTransition(state: number): void {
    this.#targets.push(state);
  }

  /** The first path from the first state to this one, as the numbers of the moves. */
  movesTo(state: number): number[] {
    const moves: number[] = [];
    for (let at = state; at !== 0; at = this.#parent.at(at)) moves.push(this.#move.at(at));
    return moves.reverse();
  }

  /**
   * The number of different paths from the first state to a marked state. `null` when the transitions contain a circle,
   * so that there are infinitely many paths.
   */
  countPaths(marked: (state: number) => boolean): number | null {
    const before = new Uint32Array(this.size);
    for (let index = 0; index < this.#targets.length; index += 1) {
      const target = this.#targets.at(index);
      before[target] = (before[target] as number) + 1;
    }
    const paths = new Float64Array(this.size);
    paths[0] = 1;
    const ready = new NumberList();
    ready.push(0);
    let sum = 0;
    for (let index = 0; index < ready.length; index += 1) {
      const state = ready.at(index);
      if (marked(state)) sum += paths[state] as number;
      const end = state + 1 < this.#begins.length ? this.#begins.at(state + 1) : this.#targets.length;
      for (let edge = this.#begins.at(state); edge < end; edge += 1) {
        const target = this.#targets.at(edge);
        paths[target] = (paths[target] as number) + (paths[state] as number);
        before[target] = (before[target] as number) - 1;
        if (before[target] === 0) ready.push(target);
      }
    }
    return ready.length === this.size ? sum : null;
  }
}
