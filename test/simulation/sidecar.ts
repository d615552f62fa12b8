/**
 * A model of the sidecar that this library replaces (github.com/nais/elector, `pkg/election/candidate`), and of its
 * behavior on a shared Lease: it creates a missing Lease, and writes nothing else.
 *
 * It needs only an `ApiTransport` and a clock, so it runs over real sockets as well as in the simulation. The real
 * sidecar watches the Lease. This one polls it, so it reacts later.
 */

import type { ApiTransport } from '../../src/kube/api-client.ts';
import type { ApiRequest, ApiVerb } from '../../src/kube/api-request.ts';
import { formatMicroTime } from '../../src/kube/lease-mapping.ts';
import type { Clock, Timer } from '../../src/runtime/clock.ts';

export interface SidecarOptions {
  readonly transport: ApiTransport;
  readonly clock: Clock;
  readonly namespace: string;
  /** The name of the Lease: `$ELECTION`. */
  readonly lease: string;
  /** The name of its Pod. It reads the Pod by this name, which also becomes the `holderIdentity`. */
  readonly hostname: string;
  readonly lookEveryMs: number;
  /** Ends its process. The kubelet starts it again. */
  readonly exit: (reason: string) => void;
}

interface OwnerReference {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly name: string;
  readonly uid: string;
}

/** The fields of a Lease or a Pod that the sidecar uses. */
interface WireObject {
  readonly metadata: { readonly uid: string };
  readonly spec?: { readonly holderIdentity?: string | null };
}

/** The outcome of a request that was not answered with an object. */
type Outcome = 'none' | 'exists' | 'failed';

export class Sidecar {
  readonly #options: SidecarOptions;
  #owner: OwnerReference | null = null;
  #leader: string | null = null;
  #timer: Timer | null = null;
  #over = false;

  constructor(options: SidecarOptions) {
    this.#options = options;
  }

  /** The answer of its endpoint: the holder of the last Lease that it saw, even when that Lease is long gone. */
  get leader(): string | null {
    return this.#leader;
  }

  start(): void {
    void this.#begin();
  }

  stop(): void {
    this.#over = true;
    this.#timer?.cancel();
  }

  async #begin(): Promise<void> {
    const { hostname: name } = this.#options;
    const pod = await this.#send('get', 'pods', name);
    if (typeof pod === 'string') return this.#exit('unable to get current Pod');
    this.#owner = { apiVersion: 'v1', kind: 'Pod', name, uid: pod.metadata.uid };
    // A failed first poll ends the process. A later one is repeated.
    if (!(await this.#poll())) this.#exit('error during campaign');
  }

  /** @returns whether the poll has found the holder, or that there is no Lease */
  async #poll(): Promise<boolean> {
    const { lease: name, clock, lookEveryMs } = this.#options;
    let lease = await this.#send('get', 'leases', name);
    if (lease === 'none') {
      lease = await this.#send('create', 'leases', name, this.#newLease());
      if (lease === 'exists') lease = await this.#send('get', 'leases', name);
    }
    if (this.#over) return true;
    this.#timer = clock.setTimer(lookEveryMs, () => void this.#poll());
    if (typeof lease === 'string') return lease === 'none';
    // The real sidecar dereferences the pointer without a check.
    const holder = lease.spec?.holderIdentity ?? null;
    if (holder === null) this.#exit('nil pointer dereference: spec.holderIdentity');
    else this.#leader = holder;
    return true;
  }

  /** The Lease has no `renewTime`, no `leaseDurationSeconds` and no label, because the sidecar never renews it. */
  #newLease(): unknown {
    const { namespace, lease: name, hostname, clock } = this.#options;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace, name, ownerReferences: [this.#owner] },
      spec: { holderIdentity: hostname, acquireTime: formatMicroTime(clock.wallMs()) },
    };
  }

  async #send(verb: ApiVerb, resource: 'leases' | 'pods', name: string, body?: unknown): Promise<WireObject | Outcome> {
    const { transport, namespace } = this.#options;
    const apiGroup = resource === 'pods' ? '' : 'coordination.k8s.io';
    const request: ApiRequest = { verb, apiGroup, resource, namespace, name, body };
    const answer = await transport.request(request);
    if (answer.ok) return answer.value as WireObject;
    if (answer.absent) return 'none';
    return answer.failure.kind === 'alreadyExists' ? 'exists' : 'failed';
  }

  #exit(reason: string): void {
    if (this.#over) return;
    this.stop();
    this.#options.exit(reason);
  }
}
