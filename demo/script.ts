/**
 * The script: the actions of the demo, step by step, and the events that must happen before a step is done.
 *
 * The script does not check that nothing else happened. The verdict checks that, over the whole demo.
 */

import type { EmbeddedCluster, EmbeddedPod } from '../src/testing/index.ts';
import { CandidateProcess } from './candidate-process.ts';
import { createPod, deleteLease } from './demo-cluster.ts';
import type { DemoEventOf } from './demo-event.ts';
import { type EventLog, NotObserved } from './event-log.ts';
import type { RequiredStep } from './verdict.ts';

/** A step as people read it. */
export interface Step extends RequiredStep {
  readonly title: string;
  readonly expected: string;
}

/** The steps in their order. */
export const STEPS: readonly Step[] = [
  { id: 'election', title: 'First election', expected: 'one of three leads', leadership: 'begins' },
  { id: 'crash', title: 'Container crashes', expected: 'its restart leads', leadership: 'stays' },
  { id: 'hang', title: 'Leader hangs', expected: 'reported, not replaced', leadership: 'stays' },
  { id: 'lease', title: 'Lease deleted by hand', expected: 'restored, same term', leadership: 'stays' },
  { id: 'deletion', title: "Leader's Pod deleted", expected: 'another Pod leads', leadership: 'moves' },
  { id: 'hand-over', title: 'Graceful hand-over', expected: 'successor, then its end', leadership: 'moves' },
];

/** How long a crash or a reported hang lasts, in milliseconds: long enough to notice a forbidden take-over. */
const TROUBLE_MS = 1_000;

/** How long a step lasts after its last event, in milliseconds: people can follow, and a forbidden event is noticed. */
const AFTERMATH_MS = 1_200;

/** The result of a step in words, and the duration that its title is about, in milliseconds. */
type Outcome = readonly [outcome: string, tookMs: number];

type Elected = DemoEventOf<'elected'>;
type About = DemoEventOf<'leaderChanged' | 'stale'>;
type LeaseWritten = DemoEventOf<'leaseWritten'>;

/** Runs the steps. */
export class Script {
  readonly #cluster: EmbeddedCluster;
  readonly #log: EventLog;
  /** All processes that were ever started. */
  readonly #processes: CandidateProcess[] = [];
  /** The processes that take part now. */
  #candidates: CandidateProcess[] = [];
  #leader: CandidateProcess | undefined;

  constructor(cluster: EmbeddedCluster, log: EventLog) {
    this.#cluster = cluster;
    this.#log = log;
  }

  /** Runs all steps, or up to the first that fails: the steps after it would begin in a wrong state. */
  async run(): Promise<void> {
    const runs = [this.#elect, this.#crash, this.#hang, this.#deleteLease, this.#deletePod, this.#handOver];
    for (const [index, { id: step, title }] of STEPS.entries()) {
      this.#log.add({ type: 'stepBegan', step, title });
      this.#log.mark();
      try {
        const [outcome, tookMs] = (await runs[index]?.call(this)) ?? ['', 0];
        await this.#log.pause('nothing else happens', AFTERMATH_MS);
        this.#log.add({ type: 'stepEnded', step, outcome, tookMs });
      } catch (error) {
        if (!(error instanceof NotObserved)) throw error;
        this.#log.add({ type: 'stepEnded', step, outcome: error.message, tookMs: null });
        return;
      }
    }
    this.#log.mark();
    await Promise.all(this.#candidates.map((candidate) => this.#terminate(candidate)));
  }

  /** Ends all processes that still run, at once. It touches no process but its own children. */
  killAll(): Promise<unknown> {
    return Promise.all(this.#processes.map((candidate) => candidate.kill()));
  }

  async #elect(): Promise<Outcome> {
    const beganMs = this.#log.toMs();
    for (const letter of 'abc') this.#start(createPod(this.#cluster, letter));
    const elected = await this.#elected('one of them is elected');
    await this.#others('sees', 'leaderChanged');
    return [`${this.#leading().pod.name} leads`, elected.atMs - beganMs];
  }

  async #crash(): Promise<Outcome> {
    const { pod } = this.#leading();
    const killedAtMs = this.#leading().send('SIGKILL');
    await this.#log.pause('no process leads, and none takes over', TROUBLE_MS);
    this.#act(`the container of ${pod.name} is restarted`);
    await pod.restartContainer();
    const { name } = this.#start(pod, 2);
    const resumed = await this.#elected(`${name} resumes the term`, (event) => event.process === name && event.resumed);
    return [`${pod.name} resumed`, resumed.atMs - killedAtMs];
  }

  async #hang(): Promise<Outcome> {
    const { pod, name } = this.#leading();
    // The hang begins right after a renewal. So no candidate can have reported it yet, and each run measures the same
    // time.
    await this.#written('its next renewal', pod);
    this.#log.mark();
    const suspendedAtMs = this.#leading().send('SIGSTOP');
    const reportedAtMs = await this.#others('reports as stale', 'stale');
    await this.#log.pause('it still hangs, and none takes over', TROUBLE_MS);
    this.#log.mark();
    this.#leading().send('SIGCONT');
    await this.#written('it renews its Lease again', pod);
    await this.#log.next('its job ticks again', 'jobTicked', (event) => event.process === name);
    return ['both others noticed', reportedAtMs - suspendedAtMs];
  }

  async #deleteLease(): Promise<Outcome> {
    const { pod } = this.#leading();
    const token = this.#log.events.findLast((event) => event.type === 'elected')?.token;
    const deletedAtMs = this.#act('DELETE of the Lease');
    await deleteLease(this.#cluster);
    const { leaseUid } = await this.#log.next('the Lease is gone', 'leaseDeleted');
    const restored = await this.#written('its holder restores it', pod, (event) => event.leaseUid !== leaseUid);
    this.#log.mark();
    await this.#log.next('its job still ticks in the same term', 'jobTicked', (event) => event.token === token);
    return [`${pod.name} restored it`, restored.atMs - deletedAtMs];
  }

  /** Acts as if the node were lost: the Pod object is deleted at once. Its process still runs, and is a ghost. */
  async #deletePod(): Promise<Outcome> {
    const ghost = this.#leading();
    const deletedAtMs = this.#act(`DELETE of Pod ${ghost.pod.name} by force; its process still runs`);
    await ghost.pod.forceDelete();
    const elected = await this.#elected('another Pod is elected', ({ process }) => process !== ghost.name);
    await this.#log.next('the ghost drains its job', 'workEnded', ({ process }) => process === ghost.name);
    await this.#terminate(ghost);
    this.#act('a replacement is scheduled');
    this.#start(createPod(this.#cluster, 'd'));
    await this.#others('sees', 'leaderChanged');
    return [`${this.#leading().pod.name} leads`, elected.atMs - deletedAtMs];
  }

  /** Deletes a Pod as in a cluster: the kubelet sends SIGTERM, and the Pod object goes after the process has ended. */
  async #handOver(): Promise<Outcome> {
    const leaving = this.#leading();
    const { pod, name } = leaving;
    this.#act(`DELETE of Pod ${pod.name}`);
    await pod.delete();
    const askedAtMs = this.#log.toMs();
    const election = (): Promise<Elected> => this.#elected('another Pod is elected', ({ process }) => process !== name);
    const [, elected] = await Promise.all([this.#terminate(leaving), election()]);
    await this.#written('the Lease was released', pod, ({ released }) => released);
    await this.#others('sees', 'leaderChanged');
    this.#act(`the kubelet reports the end of ${pod.name}`);
    await pod.confirmTermination();
    return [`${this.#leading().pod.name} leads`, elected.atMs - askedAtMs];
  }

  #start(pod: EmbeddedPod, run = 1): CandidateProcess {
    const candidate = new CandidateProcess(pod, run, this.#log);
    this.#processes.push(candidate);
    this.#candidates = [...this.#candidates.filter((other) => other.pod !== pod), candidate];
    return candidate;
  }

  /** Sends SIGTERM. The process then ends by itself, since a stopped elector does not keep it alive. */
  async #terminate(candidate: CandidateProcess): Promise<void> {
    const { name } = candidate;
    candidate.send('SIGTERM');
    this.#candidates = this.#candidates.filter((other) => other !== candidate);
    const { how } = await this.#log.next(`${name} ends by itself`, 'processEnded', ({ process }) => process === name);
    if (how !== 'exit code 0') throw new NotObserved(`${name} did not end by itself: ${how}`);
  }

  #leading(): CandidateProcess {
    if (this.#leader === undefined) throw new NotObserved('no process leads');
    return this.#leader;
  }

  /** Waits until a process is elected, the Lease proves it, and its job ticks three times. */
  async #elected(what: string, test?: (event: Elected) => boolean): Promise<Elected> {
    const elected = await this.#log.next(what, 'elected', test);
    const { process, token } = elected;
    this.#leader = this.#processes.find(({ name }) => name === process);
    await this.#written('the Lease proves it', this.#leading().pod, ({ revision }) => revision === token);
    await this.#log.next('its job ticks', 'jobTicked', (tick) => tick.token === token, 3);
    return elected;
  }

  /** Waits until each candidate but the leader reports something about it. Returns the time of the last report. */
  async #others(verb: string, type: 'leaderChanged' | 'stale'): Promise<number> {
    const { pod } = this.#leading();
    const reports = this.#candidates.map(async ({ name, pod: { uid } }) => {
      const isReport = (event: About): boolean => event.process === name && event.leader === pod.name;
      return uid === pod.uid ? 0 : (await this.#log.next(`${name} ${verb} ${pod.name}`, type, isReport)).atMs;
    });
    return Math.max(...(await Promise.all(reports)));
  }

  #written(what: string, { uid }: EmbeddedPod, test?: (event: LeaseWritten) => boolean): Promise<LeaseWritten> {
    return this.#log.next(what, 'leaseWritten', (event) => event.owner?.uid === uid && (test?.(event) ?? true));
  }

  /** Logs an action, and returns its time. */
  #act(text: string): number {
    return this.#log.add({ type: 'noted', text, tone: 'note' });
  }
}
