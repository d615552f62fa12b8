/**
 * An elector of another kind on the same Lease, as most of them are: it renews, and takes a Lease that was not
 * changed for its duration (kubernetes/client-go: `tools/leaderelection`, `tryAcquireOrRenew`).
 *
 * It knows nothing of Pods, so it also takes the Lease of a Pod that lives and does not renew.
 */

import type { ApiTransport } from '../../src/kube/api-client.ts';
import type { ApiRequest, ApiVerb } from '../../src/kube/api-request.ts';
import { formatMicroTime } from '../../src/kube/lease-mapping.ts';
import type { Clock, Timer } from '../../src/runtime/clock.ts';

/** The LeaseDuration of its configuration, in seconds. */
export const EXPIRING_DURATION_SECONDS = 15;
const LOOK_EVERY_MS = 5_000;

export interface ExpiringElectorOptions {
  readonly transport: ApiTransport;
  readonly clock: Clock;
  readonly namespace: string;
  readonly lease: string;
  readonly identity: string;
}

interface Spec {
  readonly holderIdentity?: string;
  readonly acquireTime?: string;
  readonly leaseTransitions?: number;
}

interface WireLease {
  readonly metadata: unknown;
  readonly spec?: Spec;
}

/** What came of a request that was not answered with a Lease. */
type Outcome = 'none' | 'failed';

export class ExpiringElector {
  readonly #options: ExpiringElectorOptions;
  /** The spec as last seen, and since when it has looked like this. */
  #observed: { readonly spec: string; readonly sinceMs: number } | null = null;
  #timer: Timer | null = null;

  constructor(options: ExpiringElectorOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#look();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    // Set first: what fails is tried again the next time.
    this.#timer = this.#options.clock.setTimer(LOOK_EVERY_MS, () => void this.#look());
    const lease = await this.#ask('get');
    this.#observe(lease);
    if (lease === 'none') this.#observe(await this.#ask('create', this.#lease(null)));
    else if (lease !== 'failed' && this.#mayWrite(lease)) this.#observe(await this.#ask('update', this.#lease(lease)));
  }

  #observe(lease: WireLease | Outcome): void {
    if (typeof lease === 'string') return;
    const spec = JSON.stringify(lease.spec ?? {});
    if (this.#observed?.spec !== spec) this.#observed = { spec, sinceMs: this.#options.clock.nowMs() };
  }

  /** Its own, or nobody's, or one that has stood still. */
  #mayWrite({ spec }: WireLease): boolean {
    const { identity, clock } = this.#options;
    const holder = spec?.holderIdentity ?? '';
    const stoodStillMs = clock.nowMs() - (this.#observed?.sinceMs ?? 0);
    return holder === identity || holder === '' || stoodStillMs >= EXPIRING_DURATION_SECONDS * 1_000;
  }

  /** A new Lease without an owner, or the one that was read, renewed or taken: its metadata stays what it was. */
  #lease(before: WireLease | null): unknown {
    const { namespace, lease: name, identity, clock } = this.#options;
    const now = formatMicroTime(clock.wallMs());
    const { holderIdentity, acquireTime = now, leaseTransitions = 0 } = before?.spec ?? {};
    const isOwn = before === null || holderIdentity === identity;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: before?.metadata ?? { namespace, name },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: EXPIRING_DURATION_SECONDS,
        acquireTime: isOwn ? acquireTime : now,
        renewTime: now,
        leaseTransitions: isOwn ? leaseTransitions : leaseTransitions + 1,
      },
    };
  }

  async #ask(verb: ApiVerb, body?: unknown): Promise<WireLease | Outcome> {
    const { transport, namespace, lease: name } = this.#options;
    const request: ApiRequest = { verb, apiGroup: 'coordination.k8s.io', resource: 'leases', namespace, name, body };
    const answer = await transport.request(request);
    if (answer.ok) return answer.value as WireLease;
    return answer.absent && verb === 'get' ? 'none' : 'failed';
  }
}
