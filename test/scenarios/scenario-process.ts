/**
 * One process of a scenario: the real `LeaseElector` with its real driver, core and ports, on a network, a clock and
 * a socket that the story has in its hands. It tells what the elector announces.
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
  /** How often it went on after it had stood still. */
  #wakings = 0;
  readonly #cluster: ScenarioCluster;
  /** What a hung process will find when it goes on. */
  #mailbox: (() => void)[] | null = null;
  /** Whether its work goes on after `term.signal` has aborted, until `finishWork`. */
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

  /** It stands still. */
  get hangs(): boolean {
    return this.#mailbox !== null;
  }

  get explainer(): Explainer {
    const { label, elector } = this;
    return {
      name: label,
      leads: elector.isLeader,
      ownMs: this.#cluster.clock.nowMs(),
      interruption: this.#wakings,
      explain: () => elector.explain(),
    };
  }

  start(): void {
    this.elector.start().catch((error: { code: string }) => this.say(`start() rejects: ${error.code}`));
  }

  say(what: string): void {
    if (this.alive) this.#cluster.say(`${this.label}: ${what}`);
  }

  /** Something reaches the process: at once, when it goes on, or never. */
  receive(news: () => void): void {
    if (!this.alive) return;
    if (this.#mailbox === null) news();
    else this.#mailbox.push(news);
  }

  // --- What the story does to it

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
    this.#wakings += 1;
    for (const news of mailbox) this.#cluster.send(() => this.receive(news));
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
      () => this.say('stepDown() resolves'),
      (error: { code: string }) => this.say(`stepDown() rejects: ${error.code}`),
    );
  }

  /** SIGTERM: ends a process in which nobody listens for it, and this application does not. */
  signal(): void {
    const listeners = process.listenerCount('SIGTERM') - this.#signalListenersBefore;
    this.say(listeners === 0 ? 'nobody listens for SIGTERM, so it ends' : `${listeners} listen for SIGTERM`);
    if (listeners === 0) this.kill();
  }

  show(): void {
    const { state, leader, unverifiedForMs } = this.elector;
    const role = state === 'leader' ? 'leads' : `is ${state}; ${this.#nameOf(leader ?? null)} leads`;
    this.say(`${role}, as the API confirmed ${unverifiedForMs / 1000} s ago`);
  }

  explain(): void {
    const { reason, message, command, caution } = this.elector.explain();
    this.say(`${reason}: ${message}`);
    if (command !== null) this.say(`$ ${command}${caution === null ? '' : ' (with a caution)'}`);
  }

  // --- What the elector tells

  #listen(): void {
    const { elector } = this;
    elector.on('elected', ({ fencingToken, resumed }) =>
      this.say(`elected, token ${this.#cluster.words.version(fencingToken)}${resumed ? ', its term resumed' : ''}`),
    );
    elector.on('demoted', (_term, reason) => this.say(`demoted: ${reason}`));
    elector.on('leaderChanged', (leader) => {
      if (leader?.uid !== this.pod.uid) this.say(`knows that ${this.#nameOf(leader)} leads`);
    });
    elector.on('stale', (leader) =>
      this.say(`is told that ${this.#nameOf(leader)} has been silent for ${(leader.renewTimeAgeMs ?? 0) / 1000} s`),
    );
    elector.on('recovered', (leader) => this.say(`is told that ${this.#nameOf(leader)} renews again`));
    elector.on('warning', ({ code, message }) => {
      const rule = /Grant `\w+` on [\w.]+/.exec(message)?.[0];
      this.say(`warning ${code}${rule === undefined ? '' : `: ${rule}`}`);
    });
    elector.on('error', ({ code, cause }) => {
      this.say(`error ${code}`);
      if (code === 'ERR_LEASE_ELECTOR_INVARIANT') this.#cluster.noteDefect(cause);
    });
    elector.on('stopped', () => this.say('stopped'));
  }

  #nameOf(leader: Leader | null): string {
    if (leader === null) return 'nobody';
    return leader.uid === null ? leader.name : this.#cluster.words.nameOf(leader.uid);
  }

  #work(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#finishWork = () => {
        if (signal.aborted) this.say('its work is done');
        resolve();
      };
      signal.addEventListener('abort', () => {
        this.say(`term.signal aborts${this.#busy ? ', its work goes on' : ''}`);
        if (!this.#busy) resolve();
      });
    });
  }

  #claimSocket(outcome: (outcome: SiblingLockOutcome) => void): void {
    this.#cluster.claimSocket(this, (answer) => {
      if (answer === 'taken') this.say('the socket of its Pod is taken');
      outcome(answer);
    });
  }
}
