/**
 * The kept-alive connections of one process, like those of `src/kube/server-connections.ts`: their number is limited, and
 * each carries one request at a time. A load balancer chooses the server of a connection once, when the connection is new.
 */

/** One connection. */
export class Connection {
  /** The API server of the connection. `null` until the server is drawn. */
  server: 0 | 1 | null = null;
  /** The connection has carried a request before, so the server may have closed it since. */
  reused = false;
}

export class Connections {
  readonly #limit: number;
  readonly #free: Connection[] = [];
  readonly #waiting: ((connection: Connection) => void)[] = [];
  #busy = 0;

  /** @param limit the maximum number of simultaneous requests. Further requests wait. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Calls back with a connection, now or when one is free. Returns a function that stops waiting. */
  take(use: (connection: Connection) => void): () => void {
    if (this.#busy < this.#limit) this.#lend(use);
    else this.#waiting.push(use);
    return () => {
      const index = this.#waiting.indexOf(use);
      if (index >= 0) this.#waiting.splice(index, 1);
    };
  }

  /** Returns the connection of a request that has ended. */
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
