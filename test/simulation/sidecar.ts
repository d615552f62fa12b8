/**
 * A stand-in for the sidecar that this library replaces (github.com/nais/elector, `pkg/election/candidate`), as it
 * behaves on the Lease that both share: it creates the Lease when there is none, and does nothing else to it.
 *
 * It needs an `ApiTransport` and a clock alone, so it runs over real sockets as it does in the simulation. The real
 * one watches; this one looks every now and then, which is the same to everybody else, only later.
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
  /** The name of the own Pod, by which it is read, and which becomes the `holderIdentity`. */
  readonly hostname: string;
  readonly lookEveryMs: number;
  /** Its process ends; its kubelet starts it anew. */
  readonly exit: (reason: string) => void;
}

interface OwnerReference {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly name: string;
  readonly uid: string;
}

/** The fields of a Lease, or of a Pod, that it looks at. */
interface WireObject {
  readonly metadata: { readonly uid: string };
  readonly spec?: { readonly holderIdentity?: string | null };
}

/** What came of a request that was not answered with an object. */
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

  /** What its endpoint answers: whom the last Lease that it saw names, also when that Lease is long gone. */
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
    const pod = await this.#ask('get', 'pods', name);
    if (typeof pod === 'string') return this.#exit('unable to get current Pod');
    this.#owner = { apiVersion: 'v1', kind: 'Pod', name, uid: pod.metadata.uid };
    // Whatever goes wrong with its first look ends it; later it looks again.
    if (!(await this.#look())) this.#exit('error during campaign');
  }

  /** @returns whether it now knows whom the Lease names, if there is one */
  async #look(): Promise<boolean> {
    const { lease: name, clock, lookEveryMs } = this.#options;
    let lease = await this.#ask('get', 'leases', name);
    if (lease === 'none') {
      lease = await this.#ask('create', 'leases', name, this.#newLease());
      if (lease === 'exists') lease = await this.#ask('get', 'leases', name);
    }
    if (this.#over) return true;
    this.#timer = clock.setTimer(lookEveryMs, () => void this.#look());
    if (typeof lease === 'string') return lease === 'none';
    // The real one dereferences the pointer without a look.
    const holder = lease.spec?.holderIdentity ?? null;
    if (holder === null) this.#exit('nil pointer dereference: spec.holderIdentity');
    else this.#leader = holder;
    return true;
  }

  /** No `renewTime`, no `leaseDurationSeconds`, no label: it never renews. */
  #newLease(): unknown {
    const { namespace, lease: name, hostname, clock } = this.#options;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace, name, ownerReferences: [this.#owner] },
      spec: { holderIdentity: hostname, acquireTime: formatMicroTime(clock.wallMs()) },
    };
  }

  async #ask(verb: ApiVerb, resource: 'leases' | 'pods', name: string, body?: unknown): Promise<WireObject | Outcome> {
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
