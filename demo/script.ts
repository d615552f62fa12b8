/**
 * The script: what the demo does to the candidates, step by step, and what it must see before a step is done.
 *
 * The script does not check that nothing else happened. The verdict does, over the whole demo.
 */

import type { EmbeddedCluster, EmbeddedPod } from '../src/testing/index.ts';
import { CandidateProcess } from './candidate-process.ts';
import { APPLICATION, createPod, deleteLease } from './demo-cluster.ts';
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

/** How long the start of a process is awaited, in milliseconds. Processes start slowly on a busy machine. */
const START_LIMIT_MS = 15_000;

/** How long a crash or a reported hang lasts, in milliseconds: long enough to notice a forbidden take-over. */
const TROUBLE_MS = 1_000;

/** How long a step lasts after its last event, in milliseconds: people can follow, and a forbidden event shows. */
const AFTERMATH_MS = 1_200;

/** How often the job must tick before a leader counts as working. */
const TICKS = 3;

/** The result of a step in words, and the duration that its title is about, in milliseconds. */
type Outcome = readonly [outcome: string, tookMs: number];

type LeaseWritten = DemoEventOf<'leaseWritten'>;

/** Runs the steps. */
export class Script {
  readonly #cluster: EmbeddedCluster;
  readonly #log: EventLog;
  /** All that were ever started. */
  readonly #processes: CandidateProcess[] = [];
  /** Those that take part now. */
  #candidates: CandidateProcess[] = [];
  #leader: CandidateProcess | undefined;

  constructor(cluster: EmbeddedCluster, log: EventLog) {
    this.#cluster = cluster;
    this.#log = log;
  }

  /** Runs all steps, or up to the first that fails: the steps after it would begin in a wrong state. */
  async run(): Promise<void> {
    const runs = [this.#elect, this.#crash, this.#hang, this.#deleteLease, this.#deletePod, this.#handOver];
    for (const [index, { id: step }] of STEPS.entries()) {
      this.#log.add({ type: 'stepBegan', step });
      this.#log.mark();
      try {
        const [outcome, tookMs] = (await runs[index]?.call(this)) ?? ['', 0];
        await this.#log.pause('nothing more must happen', AFTERMATH_MS);
        this.#log.add({ type: 'stepDone', step, outcome, tookMs });
      } catch (error) {
        if (!(error instanceof NotObserved)) throw error;
        this.#log.add({ type: 'stepFailed', step, outcome: error.message });
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
    const elected = await this.#elected('one of them is elected', () => true);
    await this.#followers();
    return [`${this.#leading().pod.name} leads`, elected.atMs - beganMs];
  }

  async #crash(): Promise<Outcome> {
    const crashed = this.#leading();
    const { pod } = crashed;
    const killedAtMs = crashed.send('SIGKILL');
    await this.#log.pause('no process leads, and none must take over', TROUBLE_MS);
    this.#act(`the container of ${pod.name} is restarted`);
    await pod.restartContainer();
    this.#remove(crashed);
    const { name } = this.#start(pod, 2);
    const resumed = await this.#elected(`${name} resumes the term`, (event) => event.process === name && event.resumed);
    return [`${pod.name} resumed`, resumed.atMs - killedAtMs];
  }

  async #hang(): Promise<Outcome> {
    const { pod, name } = this.#leading();
    // Right after a renewal no candidate can have reported it, and the duration is always the same.
    await this.#written('its next renewal', pod);
    this.#log.mark();
    const suspendedAtMs = this.#leading().send('SIGSTOP');
    const reports = await this.#log.until('the others report it as stale', () => {
      const stale = this.#log.since('stale', (event) => event.leader === pod.name);
      const reporters = new Set(stale.map((event) => event.process));
      return reporters.size === this.#candidates.length - 1 ? stale : undefined;
    });
    await this.#log.pause('it still hangs, and none must take over', TROUBLE_MS);
    this.#log.mark();
    this.#leading().send('SIGCONT');
    await this.#written('it renews its Lease again', pod);
    await this.#log.next('its job ticks again', 'jobTicked', (event) => event.process === name);
    return ['both others noticed', Math.max(...reports.map(({ atMs }) => atMs)) - suspendedAtMs];
  }

  async #deleteLease(): Promise<Outcome> {
    const { pod } = this.#leading();
    const token = this.#log.events.findLast((event) => event.type === 'elected')?.token;
    const deletedAtMs = this.#act(`DELETE of Lease ${APPLICATION}`);
    await deleteLease(this.#cluster);
    const { leaseUid } = await this.#log.next('the Lease is gone', 'leaseGone');
    const restored = await this.#written('its holder restores it', pod, (event) => event.leaseUid !== leaseUid);
    this.#log.mark();
    await this.#log.next('its job still ticks in the same term', 'jobTicked', (event) => event.token === token);
    return [`${pod.name} restored it`, restored.atMs - deletedAtMs];
  }

  /** The node is lost: the Pod object goes at once, and its process still runs. Such a process is a ghost. */
  async #deletePod(): Promise<Outcome> {
    const ghost = this.#leading();
    const deletedAtMs = this.#act(`DELETE of Pod ${ghost.pod.name} by force; its process still runs`);
    await ghost.pod.forceDelete();
    const elected = await this.#elected('another Pod is elected', ({ process }) => process !== ghost.name);
    await this.#log.next('the ghost drains its job', 'jobEnded', ({ process }) => process === ghost.name);
    await this.#terminate(ghost);
    this.#act('a replacement is scheduled');
    this.#start(createPod(this.#cluster, 'd'));
    await this.#followers();
    return [`${this.#leading().pod.name} leads`, elected.atMs - deletedAtMs];
  }

  /** What happens when a Pod is deleted: the kubelet sends SIGTERM, and the Pod goes after its process has ended. */
  async #handOver(): Promise<Outcome> {
    const leaving = this.#leading();
    const { pod, name } = leaving;
    this.#act(`DELETE of Pod ${pod.name}`);
    await pod.delete();
    const askedAtMs = this.#log.toMs();
    const ended = this.#terminate(leaving);
    const elected = await this.#elected('another Pod is elected', ({ process }) => process !== name);
    await ended;
    await this.#written('the Lease was released', pod, ({ released }) => released);
    await this.#followers();
    this.#act(`the kubelet reports the end of ${pod.name}`);
    await pod.confirmTermination();
    return [`${this.#leading().pod.name} leads`, elected.atMs - askedAtMs];
  }

  #start(pod: EmbeddedPod, run = 1): CandidateProcess {
    const candidate = new CandidateProcess(pod, run, this.#log);
    this.#processes.push(candidate);
    this.#candidates.push(candidate);
    return candidate;
  }

  /** SIGTERM. An application ends by itself after it, since nothing of the elector keeps it alive. */
  async #terminate(candidate: CandidateProcess): Promise<void> {
    const { name } = candidate;
    candidate.send('SIGTERM');
    this.#remove(candidate);
    const isEnd = (event: DemoEventOf<'processEnded'>): boolean =>
      event.process === name && event.how === 'exit code 0';
    await this.#log.next(`${name} ends by itself`, 'processEnded', isEnd);
  }

  #remove(candidate: CandidateProcess): void {
    this.#candidates = this.#candidates.filter((other) => other !== candidate);
  }

  #leading(): CandidateProcess {
    if (this.#leader === undefined) throw new NotObserved('no process leads');
    return this.#leader;
  }

  /** Waits until a process is elected, the Lease proves it, and its job ticks. */
  async #elected(what: string, test: (event: DemoEventOf<'elected'>) => boolean): Promise<DemoEventOf<'elected'>> {
    const elected = await this.#log.next(what, 'elected', test, START_LIMIT_MS);
    const { process, token } = elected;
    this.#leader = this.#processes.find(({ name }) => name === process);
    await this.#written('the Lease proves it', this.#leading().pod, ({ revision }) => revision === token);
    await this.#log.until(
      'its job ticks',
      () => this.#log.since('jobTicked', (tick) => tick.token === token)[TICKS - 1],
    );
    return elected;
  }

  async #followers(): Promise<void> {
    const { pod } = this.#leading();
    const sees = ({ name }: CandidateProcess): boolean =>
      this.#log.since('leaderChanged', ({ process }) => process === name).at(-1)?.leader === pod.name;
    const find = (): true | undefined => this.#candidates.every((one) => one.pod === pod || sees(one)) || undefined;
    await this.#log.until(`the others see ${pod.name} lead`, find, START_LIMIT_MS);
  }

  #written(what: string, { uid }: EmbeddedPod, test?: (event: LeaseWritten) => boolean): Promise<LeaseWritten> {
    return this.#log.next(what, 'leaseWritten', (event) => event.ownerUid === uid && (test?.(event) ?? true));
  }

  /** Logs an action, and returns its time. */
  #act(text: string): number {
    return this.#log.add({ type: 'acted', text });
  }
}
