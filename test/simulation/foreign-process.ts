/**
 * A process that runs another program on the same Lease: a sidecar, or a time-based elector.
 */

import type { ApiTransport } from '../../src/kube/api-client.ts';
import { ExpiringElector } from './expiring-elector.ts';
import type { Network } from './network.ts';
import { Sidecar } from './sidecar.ts';
import { type ContainerOptions, SimulatedContainer } from './simulated-container.ts';
import { LEASE, NAMESPACE } from './simulated-process.ts';

const REQUEST_TIMEOUT_MS = 10_000;

export interface ForeignProcessOptions extends ContainerOptions {
  readonly network: Network;
  readonly lookEveryMs: number;
}

export class ForeignProcess extends SimulatedContainer {
  readonly #program: Sidecar | ExpiringElector;

  constructor(options: ForeignProcessOptions) {
    super(options);
    const { network, lookEveryMs, pod } = options;
    const transport: ApiTransport = network.transport(this, REQUEST_TIMEOUT_MS);
    const common = { transport, clock: this.clock, namespace: NAMESPACE, lease: LEASE };
    this.#program =
      pod.program === 'sidecar'
        ? new Sidecar({ ...common, hostname: pod.name, lookEveryMs, exit: () => this.exit() })
        : new ExpiringElector({ ...common, identity: pod.name });
  }

  noteRequest(): void {}

  delivered(): void {}

  /** Always false for an expiring elector: its leadership ends by time, so the checkers do not cover it. */
  get leads(): boolean {
    return this.alive && this.#program instanceof Sidecar && this.#program.leader === this.pod.name;
  }

  start(): void {
    this.#program.start();
  }

  terminate(): void {
    this.run(() => this.exit());
  }
}
