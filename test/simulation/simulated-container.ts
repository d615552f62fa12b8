/**
 * A process in a Pod: it runs, hangs and crashes, and uses the simulated network. The programs are in
 * `simulated-process.ts` (this library) and `foreign-process.ts` (others).
 */

import type { ApiRequest } from '../../src/kube/api-request.ts';
import type { Endpoint } from './network.ts';
import type { ProcessClock } from './process-clock.ts';
import type { SimulatedPod } from './simulated-pod.ts';

/** The parts of a process of any program. */
export interface ContainerOptions {
  readonly pod: SimulatedPod;
  readonly name: string;
  readonly clock: (run: (work: () => void) => void) => ProcessClock;
  /** Processes of one Pod can connect to each other's sockets only in the same network namespace. */
  readonly networkNamespace: number;
  /** Called when the process has exited by itself. */
  readonly ended: (container: SimulatedContainer) => void;
  /** Called with each change, for the record. */
  readonly changed: (container: SimulatedContainer, what: ContainerChange) => void;
}

/** A change of a process. */
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
  /** The process has received a signal to end, or a call to leave the election. */
  stopping = false;
  #paused = false;
  /**
   * The work that arrived during a pause. It is bounded by the requests and watches that were open, because a paused
   * process opens none.
   */
  #backlog: (() => void)[] = [];

  constructor({ pod, name, clock, networkNamespace, ended, changed }: ContainerOptions) {
    this.pod = pod;
    this.name = name;
    this.networkNamespace = networkNamespace;
    this.clock = clock((work) => this.run(work));
    this.#ended = ended;
    this.#changed = changed;
  }

  /** Whether the process reports that it leads. */
  abstract get leads(): boolean;

  abstract noteRequest(request: ApiRequest): void;

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

  /** Suspends the process without notice, as SIGSTOP, a long garbage collection or a closed laptop does. */
  pause(): void {
    if (this.alive && !this.#paused) this.#changed(this, 'hung');
    this.#paused = true;
  }

  /** Continues the process. The work that arrived during the pause runs now. */
  resume(): void {
    if (this.alive && this.#paused) this.#changed(this, 'resumed');
    this.#paused = false;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const work of backlog) this.run(work);
  }

  /** Exits the process by itself. */
  exit(): void {
    if (!this.alive) return;
    this.#exits = true;
    this.kill();
    this.#ended(this);
  }

  /** Ends the process, as a crash or SIGKILL does. It does no more work, and its sockets are closed. */
  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#changed(this, this.#exits ? 'exited' : 'killed');
    this.#backlog = [];
    this.clock.stop();
  }
}
