/**
 * A process in a Pod, whatever program it runs: it lives, hangs and crashes, and speaks to the API server over the
 * simulated network. The programs are in `simulated-process.ts` (this library) and `foreign-process.ts` (others).
 */

import type { ApiRequest } from '../../src/kube/api-request.ts';
import type { Endpoint } from './network.ts';
import type { ProcessClock } from './process-clock.ts';
import type { SimulatedPod } from './simulated-pod.ts';

/** What a process is made of, whatever it runs. */
export interface ContainerOptions {
  readonly pod: SimulatedPod;
  readonly name: string;
  readonly clock: (run: (work: () => void) => void) => ProcessClock;
  /** Processes of one Pod see each other's sockets in the same one alone. */
  readonly networkNamespace: number;
  /** Called when the process has ended by itself. */
  readonly ended: (container: SimulatedContainer) => void;
  /** Called with each change, for the record. */
  readonly changed: (container: SimulatedContainer, what: ContainerChange) => void;
}

/** What happens to a process. */
export type ContainerChange = 'exited' | 'killed' | 'hung' | 'resumed' | 'cut off' | 'reconnected';

export abstract class SimulatedContainer implements Endpoint {
  readonly pod: SimulatedPod;
  readonly name: string;
  readonly clock: ProcessClock;
  readonly networkNamespace: number;
  readonly #ended: (container: SimulatedContainer) => void;
  readonly #changed: (container: SimulatedContainer, what: ContainerChange) => void;
  #isolated = false;
  #exits = false;
  staleLists = false;
  slownessMs = 0;
  alive = true;
  /** It was asked to end, or to take no part any more. */
  stopping = false;
  #paused = false;
  /** What came while it was paused; bounded by what was under way, since a paused process asks for nothing. */
  #backlog: (() => void)[] = [];

  constructor({ pod, name, clock, networkNamespace, ended, changed }: ContainerOptions) {
    this.pod = pod;
    this.name = name;
    this.networkNamespace = networkNamespace;
    this.clock = clock((work) => this.run(work));
    this.#ended = ended;
    this.#changed = changed;
  }

  /** Whether it says that it leads. */
  abstract get leads(): boolean;

  abstract asks(request: ApiRequest): void;

  abstract delivered(...delivery: Parameters<Endpoint['delivered']>): void;

  abstract start(): void;

  /** SIGTERM. */
  abstract terminate(): void;

  get token(): string {
    return this.pod.token;
  }

  /** Cut off from the API server. */
  get isolated(): boolean {
    return this.#isolated;
  }

  set isolated(isolated: boolean) {
    if (this.alive && isolated !== this.#isolated) this.#changed(this, isolated ? 'cut off' : 'reconnected');
    this.#isolated = isolated;
  }

  get paused(): boolean {
    return this.#paused;
  }

  run(work: () => void): void {
    if (!this.alive) return;
    if (this.#paused) this.#backlog.push(work);
    else work();
  }

  /** SIGSTOP, a full garbage collection, a closed laptop: the process stands still without notice. */
  pause(): void {
    if (this.alive && !this.#paused) this.#changed(this, 'hung');
    this.#paused = true;
  }

  /** Goes on: what came meanwhile comes now, timers first or last. */
  resume(): void {
    if (this.alive && this.#paused) this.#changed(this, 'resumed');
    this.#paused = false;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const work of backlog) this.run(work);
  }

  /** Its container ends. */
  exit(): void {
    if (!this.alive) return;
    this.#exits = true;
    this.kill();
    this.#ended(this);
  }

  /** A crash, SIGKILL, the end: it does nothing any more, and its sockets are closed. */
  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#changed(this, this.#exits ? 'exited' : 'killed');
    this.#backlog = [];
    this.clock.stop();
  }
}
