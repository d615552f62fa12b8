/**
 * Records the metrics that Prometheus would scrape from a simulated cluster: the embedded API server, real electors and
 * a virtual clock.
 *
 * Each running process is scraped. The metrics of kube-state-metrics are derived from the objects of the server.
 */

import type { LeaseElectorOptions } from '../../src/index.ts';
import { LeaseElector } from '../../src/lease-elector.ts';
import type { ApiObject } from '../../src/testing/objects/api-object.ts';
import { calmCluster } from '../simulation/calm-cluster.ts';
import type { Cluster } from '../simulation/cluster.ts';
import type { SimulatedPod } from '../simulation/simulated-pod.ts';
import { LEASE, NAMESPACE, type SimulatedProcess } from '../simulation/simulated-process.ts';
import type { VirtualTime } from '../simulation/virtual-time.ts';

/** The scrape interval of Prometheus, in milliseconds. */
export const SCRAPE_INTERVAL_MS = 15_000;

const PHASES = ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'] as const;

const NODE = 'node-1';
/** The name of the lost node. */
const LOST_NODE = 'node-2';

/** The metrics of an elector that the rules use. A recording of all metrics would be large. */
const USED: ReadonlySet<string> = new Set([
  'leader_election_master_status',
  'lease_elector_leader_known',
  'lease_elector_last_verified_seconds',
  'lease_elector_blocked',
  'lease_elector_work_failures_total',
  'lease_elector_work_stalled',
  'lease_elector_watch_restarts_total',
  'lease_elector_requests_total',
]);

export class Recording {
  readonly cluster: Cluster;
  readonly #time: VirtualTime;
  /** The values of all scrapes, by series. */
  readonly #series = new Map<string, (number | undefined)[]>();
  #scrapes = 0;
  /** The options of an elector that differ from those of the simulation. */
  optionsOf: (made: { readonly elector: Pick<LeaseElector, 'on'> }) => LeaseElectorOptions = () => ({});
  #nodeRenewedMs = 0;
  #added = 0;
  #serverAwayUntilMs = 0;
  /** The Pods whose node is lost. */
  readonly #lost = new Set<string>();

  constructor() {
    const { cluster, time } = calmCluster({
      makeElector: (options, runtime) => {
        const listeners: Parameters<LeaseElector['on']>[] = [];
        const early = { on: (...listener: Parameters<LeaseElector['on']>) => listeners.push(listener) };
        const elector = new LeaseElector({ ...options, ...this.optionsOf({ elector: early as never }) }, runtime);
        for (const listener of listeners) elector.on(...listener);
        return elector;
      },
    });
    this.cluster = cluster;
    this.#time = time;
  }

  /**
   * Creates the Pods. One of them leads a minute later. @param optionsOf returns the additional options of each elector
   */
  static async started(optionsOf: Recording['optionsOf'] = () => ({})): Promise<Recording> {
    const recording = new Recording();
    recording.optionsOf = optionsOf;
    for (const name of ['web-1', 'web-2', 'web-3']) recording.cluster.addPod(name);
    await recording.run(60);
    return recording;
  }

  /** Adds a Pod, as a Deployment does. */
  addPod(): void {
    this.#added += 1;
    this.cluster.addPod(`next-${this.#added}`);
  }

  /** Makes the API server unreachable. kube-state-metrics serves its last values. */
  stopServer(seconds: number): void {
    this.#serverAwayUntilMs = this.#time.nowMs() + seconds * 1_000;
    this.cluster.stopServer(seconds * 1_000);
  }

  /** Turns off the node of the leader's Pod. The control plane writes that the Pod is not ready. */
  loseNode(): void {
    const { holder } = this;
    holder.nodeLost = true;
    this.#lost.add(holder.name);
    for (const process of holder.processes) process.pause();
    this.cluster.patchPodStatus(holder, {
      conditions: [
        { type: 'Ready', status: 'False' },
        { type: 'ContainersReady', status: 'True' },
      ],
    });
  }

  /** Edits the Lease, as a tool that writes foreign Leases does. */
  addOwner(): void {
    const owners = this.cluster.lease()?.metadata.ownerReferences ?? [];
    const other = this.cluster.livePods.find(({ uid }) => uid !== owners[0]?.uid);
    if (other === undefined || owners.length !== 1) return;
    const { name, uid } = other;
    this.cluster.patchLease('a second owner', {
      metadata: { ownerReferences: [...owners, { apiVersion: 'v1', kind: 'Pod', name, uid }] },
    });
  }

  get nowSeconds(): number {
    return this.#time.nowMs() / 1000;
  }

  /** The Pod that owns the Lease. */
  get holder(): SimulatedPod {
    const owner = this.cluster.lease()?.metadata.ownerReferences?.[0]?.uid;
    const pod = this.cluster.pods.find(({ uid }) => uid === owner);
    if (pod === undefined) throw new Error('no Pod owns the Lease');
    return pod;
  }

  /** Lets whole intervals pass and scrapes after each. `each` is called after each scrape. */
  async run(seconds: number, each: () => void = () => undefined): Promise<void> {
    if ((seconds * 1_000) % SCRAPE_INTERVAL_MS !== 0) throw new Error('a recording runs for whole scrape intervals');
    const endMs = this.#time.nowMs() + seconds * 1_000;
    while (this.#time.nowMs() < endMs) {
      this.#scrape();
      await this.#time.runUntil(this.#time.nowMs() + SCRAPE_INTERVAL_MS, () => true);
      each();
    }
  }

  /** The series in the format of `promtool test rules`: one value for each scrape. */
  inputSeries(): { readonly series: string; readonly values: string }[] {
    return Array.from(this.#series, ([series, values]) => ({
      series,
      values: Array.from({ length: this.#scrapes }, (_, index) => {
        const value = values[index];
        if (value !== undefined) return String(value);
        // Prometheus ends a series with the first scrape without it.
        return values[index - 1] === undefined ? '_' : 'stale';
      }).join(' '),
    }));
  }

  #scrape(): void {
    for (const process of this.cluster.electors) this.#scrapeProcess(process);
    this.#scrapeObjects();
    this.#scrapes += 1;
  }

  /** A suspended process does not answer. A Pod that is gone is not scraped. */
  #scrapeProcess(process: SimulatedProcess): void {
    const { pod, elector } = process;
    if (process.paused || pod.gone) return;
    for (const line of elector.metrics().split('\n')) {
      const [, name = '', labels = '', value = ''] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
      if (!USED.has(name)) continue;
      this.#note(
        `${name}{namespace="${NAMESPACE}",pod="${pod.name}",instance="${process.name}",${labels}}`,
        Number(value),
      );
    }
  }

  #scrapeObjects(): void {
    if (this.#time.nowMs() >= this.#serverAwayUntilMs) this.#nodeRenewedMs = this.#time.nowMs();
    this.#note(
      `kube_lease_renew_time{namespace="kube-node-lease",lease="${NODE}"}`,
      Math.floor(this.#nodeRenewedMs / 1_000),
    );
    this.#note(
      `kube_lease_owner{namespace="kube-node-lease",lease="${NODE}",owner_kind="Node",owner_name="${NODE}",lease_holder="${NODE}"}`,
      1,
    );
    for (const node of [NODE, LOST_NODE]) {
      for (const status of ['true', 'false', 'unknown']) {
        const value = Number(status === (node === LOST_NODE && this.#lost.size > 0 ? 'unknown' : 'true'));
        this.#note(`kube_node_status_condition{node="${node}",condition="Ready",status="${status}"}`, value);
      }
    }
    const lease = this.cluster.lease();
    if (lease !== undefined) this.#scrapeLease(lease);
    for (const { name } of this.cluster.livePods) {
      const pod = this.cluster.storedPod(name);
      if (pod !== undefined) this.#scrapePod(pod);
    }
  }

  #scrapeLease({ metadata, spec = {} }: ApiObject): void {
    const holder = String(spec['holderIdentity'] ?? '');
    const owners = metadata.ownerReferences ?? [];
    for (const { kind, name } of owners.length === 0 ? [{ kind: '', name: '' }] : owners) {
      this.#note(
        `kube_lease_owner{namespace="${NAMESPACE}",lease="${LEASE}",owner_kind="${kind}",owner_name="${name}",lease_holder="${holder}"}`,
        1,
      );
    }
    const renewTime = spec['renewTime'];
    if (typeof renewTime !== 'string') return;
    const wallStartMs = this.#time.wallMs() - this.#time.nowMs();
    this.#note(
      `kube_lease_renew_time{namespace="${NAMESPACE}",lease="${LEASE}"}`,
      Math.floor((Date.parse(renewTime) - wallStartMs) / 1_000),
    );
  }

  #scrapePod({ metadata, status = {} }: ApiObject): void {
    const labels = `namespace="${NAMESPACE}",pod="${metadata.name}"`;
    this.#note(`kube_pod_info{${labels},node="${this.#lost.has(metadata.name) ? LOST_NODE : NODE}"}`, 1);
    for (const phase of PHASES) {
      this.#note(`kube_pod_status_phase{${labels},phase="${phase}"}`, Number((status['phase'] ?? 'Running') === phase));
    }
    const runs = this.cluster.pods.find(({ uid }) => uid === metadata.uid)?.processes ?? [];
    this.#note(`kube_pod_container_status_restarts_total{${labels},container="app"}`, Math.max(0, runs.length - 1));
    this.#note(
      `kube_pod_status_ready{${labels},condition="true"}`,
      Number(runs.some(({ alive, paused }) => alive && !paused)),
    );
  }

  #note(series: string, value: number): void {
    const values = this.#series.get(series) ?? [];
    values[this.#scrapes] = value;
    this.#series.set(series, values);
  }
}
