/**
 * One process of a scenario: the real `LeaseElector` with its real driver, core and ports. The story controls its
 * network, its clock and its socket. The process records the announcements of the elector.
 */

import type { SiblingLockOutcome } from '../../src/driver/ports.ts';
import { type Leader, LeaseElector } from '../../src/index.ts';
import { clusterPorts } from '../../src/kube/connect.ts';
import type { Explainer } from '../worlds/explanation-watch.ts';
import { LEASE, NAMESPACE, type ScenarioCluster, type ScenarioPod } from './scenario-cluster.ts';
import { ScenarioNetwork } from './scenario-network.ts';

export class ScenarioProcess {
  readonly label: string;
  readonly pod: ScenarioPod;
  readonly elector: LeaseElector;
  readonly network: ScenarioNetwork;
  alive = true;
  /** How often the process continued after a suspension. */
  #resumptions = 0;
  readonly #cluster: ScenarioCluster;
  /** The messages that a suspended process receives when it continues. `null` while it runs. */
  #mailbox: (() => void)[] | null = null;
  /** Whether the work continues after `term.signal` has aborted, until `finishWork`. */
  #busy = false;
  #finishWork: () => void = () => undefined;
  readonly #signalListenersBefore = process.listenerCount('SIGTERM');

  constructor(cluster: ScenarioCluster, label: string, pod: ScenarioPod, random: number) {
    this.#cluster = cluster;
    this.label = label;
    this.pod = pod;
    this.network = new ScenarioNetwork(cluster, this, pod.token);
    const { network } = this;
    const identity = { pod, namespace: NAMESPACE, lease: LEASE };
    const ports = clusterPorts(network, identity, () => undefined);
    this.elector = new LeaseElector(
      { onElected: ({ signal }) => this.#work(signal), succession: cluster.succession },
      {
        clock: {
          nowMs: () => cluster.clock.nowMs(),
          wallMs: () => cluster.clock.wallMs(),
          setTimer: (afterMs, callback) => cluster.clock.setTimer(afterMs, () => this.receive(callback)),
        },
        random: { next: () => random },
        connect: async () => ({
          identify: async () => ({ ok: true, value: identity }),
          ports: () => ports,
          close: () => undefined,
        }),
        siblingLock: () => ({
          claim: (outcome) => this.#claimSocket(outcome),
          free: () => cluster.freeSocket(this),
        }),
      },
    );
    this.#listen();
  }

  /** Whether the process is suspended. */
  get hangs(): boolean {
    return this.#mailbox !== null;
  }

  get explainer(): Explainer {
    const { label, elector } = this;
    return {
      name: label,
      leads: elector.isLeader,
      ownMs: this.#cluster.clock.nowMs(),
      interruption: this.#resumptions,
      explain: () => elector.explain(),
    };
  }

  start(): void {
    this.elector.start().catch((error: { code: string }) => this.record(`start() rejects: ${error.code}`));
  }

  record(what: string): void {
    if (this.alive) this.#cluster.record(`${this.label}: ${what}`);
  }

  /** Delivers a message: at once, when the suspended process continues, or never after its end. */
  receive(message: () => void): void {
    if (!this.alive) return;
    if (this.#mailbox === null) message();
    else this.#mailbox.push(message);
  }

  // --- Commands of the story

  kill(): void {
    this.alive = false;
    this.network.close();
    this.#cluster.freeSocket(this);
  }

  hang(): void {
    this.#mailbox ??= [];
  }

  wake(): void {
    const mailbox = this.#mailbox ?? [];
    this.#mailbox = null;
    this.#resumptions += 1;
    for (const message of mailbox) this.#cluster.send(() => this.receive(message));
  }

  beBusy(): void {
    this.#busy = true;
  }

  finishWork(): void {
    this.#busy = false;
    this.#finishWork();
  }

  stepDown(): void {
    this.elector.stepDown().then(
      () => this.record('stepDown() resolves'),
      (error: { code: string }) => this.record(`stepDown() rejects: ${error.code}`),
    );
  }

  /** SIGTERM ends a process that has no listener for it. This application has none. */
  signal(): void {
    const listeners = process.listenerCount('SIGTERM') - this.#signalListenersBefore;
    this.record(listeners === 0 ? 'has no listener for SIGTERM, so it ends' : `has ${listeners} listeners for SIGTERM`);
    if (listeners === 0) this.kill();
  }

  show(): void {
    const { state, leader, unverifiedForMs } = this.elector;
    const role = state === 'leader' ? 'leads' : `is ${state}; ${this.#nameOf(leader ?? null)} leads`;
    this.record(`${role}, as the API confirmed ${unverifiedForMs / 1000} s ago`);
  }

  explain(): void {
    const { reason, message, command, caution } = this.elector.explain();
    this.record(`${reason}: ${message}`);
    if (command !== null) this.record(`$ ${command}${caution === null ? '' : ' (with a caution)'}`);
  }

  // --- Announcements of the elector

  #listen(): void {
    const { elector } = this;
    elector.on('elected', ({ fencingToken, resumed }) =>
      this.record(`elected, token ${this.#cluster.words.version(fencingToken)}${resumed ? ', its term resumed' : ''}`),
    );
    elector.on('demoted', (_term, reason) => this.record(`demoted: ${reason}`));
    elector.on('leaderChanged', (leader) => {
      if (leader?.uid !== this.pod.uid) this.record(`reports that ${this.#nameOf(leader)} leads`);
    });
    elector.on('stale', (leader) =>
      this.record(`reports that ${this.#nameOf(leader)} has been silent for ${(leader.renewTimeAgeMs ?? 0) / 1000} s`),
    );
    elector.on('recovered', (leader) => this.record(`reports that ${this.#nameOf(leader)} renews again`));
    elector.on('warning', ({ code, message }) => {
      const rule = /Grant `\w+` on [\w.]+/.exec(message)?.[0];
      this.record(`warning ${code}${rule === undefined ? '' : `: ${rule}`}`);
    });
    elector.on('error', ({ code, cause }) => {
      this.record(`error ${code}`);
      if (code === 'ERR_LEASE_ELECTOR_INVARIANT') this.#cluster.recordDefect(cause);
    });
    elector.on('stopped', () => this.record('stopped'));
  }

  #nameOf(leader: Leader | null): string {
    if (leader === null) return 'nobody';
    return leader.uid === null ? leader.name : this.#cluster.words.nameOf(leader.uid);
  }

  #work(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#finishWork = () => {
        if (signal.aborted) this.record('its work is done');
        resolve();
      };
      signal.addEventListener('abort', () => {
        this.record(`term.signal aborts${this.#busy ? ', its work continues' : ''}`);
        if (!this.#busy) resolve();
      });
    });
  }

  #claimSocket(outcome: (outcome: SiblingLockOutcome) => void): void {
    this.#cluster.claimSocket(this, (answer) => {
      if (answer === 'taken') this.record('the socket of its Pod is taken');
      outcome(answer);
    });
  }
}
