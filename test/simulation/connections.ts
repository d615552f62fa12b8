/**
 * The kept connections of one process, as `src/kube/api-client.ts` keeps them: few, and one request at a time on each.
 * A balancer chooses the server of each new connection, and a kept one stays with it.
 */

/** One connection. */
export class Connection {
  /** Which of the two API servers it leads to; `null` until that matters. */
  server: 0 | 1 | null = null;
  /** It carried a request before, so its other end may have closed it since. */
  reused = false;
}

export class Connections {
  readonly #limit: number;
  readonly #free: Connection[] = [];
  readonly #waiting: ((connection: Connection) => void)[] = [];
  #busy = 0;

  /** @param limit how many requests are under way side by side; the others wait */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Calls back with a connection, now or when one is free. Returns the way to stop waiting. */
  take(use: (connection: Connection) => void): () => void {
    if (this.#busy < this.#limit) this.#lend(use);
    else this.#waiting.push(use);
    return () => {
      const index = this.#waiting.indexOf(use);
      if (index >= 0) this.#waiting.splice(index, 1);
    };
  }

  /** The request on it is over. */
  giveBack(connection: Connection, keep: boolean): void {
    this.#busy -= 1;
    connection.reused = true;
    if (keep) this.#free.push(connection);
    const next = this.#waiting.shift();
    if (next !== undefined) this.#lend(next);
  }

  #lend(use: (connection: Connection) => void): void {
    this.#busy += 1;
    use(this.#free.pop() ?? new Connection());
  }
}
