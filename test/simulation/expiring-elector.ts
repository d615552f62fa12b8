/**
 * A time-based elector on the same Lease, like most electors: it renews, and takes a Lease that has not changed for its
 * duration (kubernetes/client-go: `tools/leaderelection`, `tryAcquireOrRenew`).
 *
 * It does not read Pods, so it also takes the Lease of a live Pod that does not renew.
 */

import type { ApiTransport } from '../../src/kube/api-client.ts';
import type { ApiRequest, ApiVerb } from '../../src/kube/api-request.ts';
import { formatMicroTime } from '../../src/kube/lease-mapping.ts';
import type { Clock, Timer } from '../../src/runtime/clock.ts';

/** The LeaseDuration of its configuration, in seconds. */
export const EXPIRING_DURATION_SECONDS = 15;
const POLL_EVERY_MS = 5_000;

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

/** The outcome of a request that was not answered with a Lease. */
type Outcome = 'none' | 'failed';

export class ExpiringElector {
  readonly #options: ExpiringElectorOptions;
  /** The last observed spec, and since when it has not changed. */
  #observed: { readonly spec: string; readonly sinceMs: number } | null = null;
  #timer: Timer | null = null;

  constructor(options: ExpiringElectorOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#poll();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async #poll(): Promise<void> {
    // The timer is set first, so that a failed request is retried.
    this.#timer = this.#options.clock.setTimer(POLL_EVERY_MS, () => void this.#poll());
    const lease = await this.#send('get');
    this.#observe(lease);
    if (lease === 'none') this.#observe(await this.#send('create', this.#lease(null)));
    else if (lease !== 'failed' && this.#mayWrite(lease)) this.#observe(await this.#send('update', this.#lease(lease)));
  }

  #observe(lease: WireLease | Outcome): void {
    if (typeof lease === 'string') return;
    const spec = JSON.stringify(lease.spec ?? {});
    if (this.#observed?.spec !== spec) this.#observed = { spec, sinceMs: this.#options.clock.nowMs() };
  }

  /**
   * Whether this elector may write the Lease: it holds the Lease, the Lease has no holder, or the Lease has not changed
   * for its duration.
   */
  #mayWrite({ spec }: WireLease): boolean {
    const { identity, clock } = this.#options;
    const holder = spec?.holderIdentity ?? '';
    const unchangedMs = clock.nowMs() - (this.#observed?.sinceMs ?? 0);
    return holder === identity || holder === '' || unchangedMs >= EXPIRING_DURATION_SECONDS * 1_000;
  }

  /** A new Lease without an owner. If a Lease exists, the same Lease with a new spec: renewed, or taken over. */
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

  async #send(verb: ApiVerb, body?: unknown): Promise<WireLease | Outcome> {
    const { transport, namespace, lease: name } = this.#options;
    const request: ApiRequest = { verb, apiGroup: 'coordination.k8s.io', resource: 'leases', namespace, name, body };
    const answer = await transport.request(request);
    if (answer.ok) return answer.value as WireLease;
    return answer.absent && verb === 'get' ? 'none' : 'failed';
  }
}
