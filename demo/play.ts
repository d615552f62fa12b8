/**
 * The script: what is done to the candidates, step by step, and what must be seen before a step counts as done.
 *
 * That nothing else happened meanwhile is not looked at here but in verdict.ts, over the whole play.
 */

import { CandidateProcess } from './candidate-process.ts';
import { type Bookmark, type Chronicle, NotObserved } from './chronicle.ts';
import type { WatchEvent } from './cluster-client.ts';
import type { HappeningOf, PodReference } from './happening.ts';
import { APPLICATION, type Stage } from './stage.ts';
import type { RequiredStep } from './verdict.ts';

/** A step as people read it. */
export interface Step extends RequiredStep {
  readonly title: string;
  readonly expected: string;
}

/** The steps in their order. */
export const STEPS: readonly Step[] = [
  { id: 'election', title: 'First election', expected: 'one of three leads', leadership: 'begins' },
  { id: 'crash', title: 'Container crashes', expected: 'its restart leads on', leadership: 'stays' },
  { id: 'hang', title: 'Leader hangs', expected: 'reported, not replaced', leadership: 'stays' },
  { id: 'lease', title: 'Lease deleted by hand', expected: 'restored, same term', leadership: 'stays' },
  { id: 'deletion', title: "Leader's Pod deleted", expected: 'another Pod leads', leadership: 'moves' },
  { id: 'hand-over', title: 'Graceful hand-over', expected: 'successor before its end', leadership: 'moves' },
];

/** Processes start slowly on a busy machine. */
const START_LIMIT_MS = 15_000;

/** Within what everything else must be seen, in milliseconds: generous, as a busy machine is no reason to fail. */
const LIMIT_MS = 8_000;

/** For how long nobody leads after the crash: long enough for a take-over that should not be, in milliseconds. */
const CRASH_PAUSE_MS = 1_000;

/** How long the hang goes on after it was reported, in milliseconds, for the same reason. */
const HANG_PAUSE_MS = 500;

/** How long a step goes on after all was seen, in milliseconds: for people to follow, and for what must not happen. */
const AFTERMATH_MS = 1_200;

/** How often the job must tick before a leader counts as working. */
const TICKS = 3;

/** What a step came to. */
interface Outcome {
  readonly outcome: string;
  readonly tookMs: number;
}

/** The candidates, and what is done to them. */
export class Play {
  readonly #stage: Stage;
  readonly #chronicle: Chronicle;
  readonly #processes: CandidateProcess[] = [];
  readonly #scenes: Readonly<Record<string, () => Promise<Outcome>>> = {
    election: () => this.#firstElection(),
    crash: () => this.#crash(),
    hang: () => this.#hang(),
    lease: () => this.#deleteLease(),
    deletion: () => this.#deletePod(),
    'hand-over': () => this.#handOver(),
  };
  #cast: CandidateProcess[] = [];
  #leader: CandidateProcess | undefined;

  constructor(stage: Stage, chronicle: Chronicle) {
    this.#stage = stage;
    this.#chronicle = chronicle;
  }

  /** Plays all steps, or up to the first that fails: those after it would begin from a false place. */
  async perform(): Promise<void> {
    await this.#stage.build();
    await this.#stage.watch(
      (event) => this.#seeLease(event),
      (event) => this.#seePod(event),
      (text) => this.#chronicle.add({ type: 'sightLost', text }),
    );
    for (const { id } of STEPS) {
      this.#chronicle.add({ type: 'stepBegan', step: id });
      try {
        const outcome = await this.#scenes[id]?.();
        if (outcome === undefined) throw new NotObserved('nobody knows how to play it');
        await this.#chronicle.pause('nothing more must happen', AFTERMATH_MS);
        this.#chronicle.add({ type: 'stepDone', step: id, ...outcome });
      } catch (error) {
        if (!(error instanceof NotObserved)) throw error;
        this.#chronicle.add({ type: 'stepFailed', step: id, outcome: error.message });
        return;
      }
    }
    await this.#curtain();
  }

  /** Ends whatever still runs, at once. Touches no process but its own children. */
  killAll(): Promise<unknown> {
    return Promise.all(this.#processes.map((process) => process.kill()));
  }

  async #firstElection(): Promise<Outcome> {
    const bookmark = this.#chronicle.bookmark();
    const names = ['a', 'b', 'c'].map((letter) => `${APPLICATION}-${letter}`);
    this.#cast = await Promise.all(names.map((name) => this.#schedule(name)));
    const elected = await this.#chronicle.next(
      'one of them is elected',
      bookmark,
      'elected',
      () => true,
      START_LIMIT_MS,
    );
    const leader = this.#lead(elected.process);
    await this.#proof(elected);
    await this.#followers(bookmark, leader);
    await this.#ticks(bookmark, elected.token, TICKS);
    const started = this.#chronicle.since(bookmark, 'processStarted')[0]?.atMs ?? 0;
    return { outcome: `${leader.pod.name} leads`, tookMs: elected.atMs - started };
  }

  async #crash(): Promise<Outcome> {
    const crashed = this.#leading();
    const bookmark = this.#chronicle.bookmark();
    const killedAtMs = this.#chronicle.nowMs();
    this.#act(`SIGKILL to ${crashed.name}, which leads`);
    await crashed.kill();
    await this.#chronicle.pause('nobody leads, and nobody must take over', CRASH_PAUSE_MS);
    this.#act(`the container of ${crashed.pod.name} is restarted`);
    const restarted = await this.#start(crashed.pod, 2);
    this.#cast = this.#cast.map((process) => (process === crashed ? restarted : process));
    const resumed = await this.#chronicle.next(
      `${restarted.name} resumes the term`,
      bookmark,
      'elected',
      (event) => event.process === restarted.name && event.resumed,
      START_LIMIT_MS,
    );
    this.#lead(resumed.process);
    await this.#proof(resumed);
    await this.#ticks(bookmark, resumed.token, TICKS);
    return { outcome: `${restarted.pod.name} resumed`, tookMs: resumed.atMs - killedAtMs };
  }

  async #hang(): Promise<Outcome> {
    const leader = this.#leading();
    const others = this.#cast.filter((process) => process !== leader);
    const { uid } = leader.pod;
    // Right after a renewal: nobody can have reported it as stale already, and the time is always the same.
    await this.#leaseWritten('its next renewal', this.#chronicle.bookmark(), ({ ownerUid }) => ownerUid === uid);
    const bookmark = this.#chronicle.bookmark();
    const suspendedAtMs = this.#chronicle.nowMs();
    this.#act(`SIGSTOP to ${leader.name}, which leads`);
    leader.suspend();
    const reports = await this.#chronicle.until('the others report it as stale', LIMIT_MS, () => {
      const found = others.map(
        ({ name }) =>
          this.#chronicle.since(
            bookmark,
            'stale',
            (event) => event.process === name && event.leader === leader.pod.name,
          )[0],
      );
      return found.every((report) => report !== undefined) ? found : undefined;
    });
    await this.#chronicle.pause('it still hangs, and nobody must take over', HANG_PAUSE_MS);
    const awakening = this.#chronicle.bookmark();
    this.#act(`SIGCONT to ${leader.name}`);
    leader.continue();
    await this.#leaseWritten('it renews its Lease again', awakening, ({ ownerUid }) => ownerUid === uid);
    await this.#jobTicked('its job ticks again', awakening, ({ process }) => process === leader.name);
    return { outcome: `both others noticed`, tookMs: Math.max(...reports.map(({ atMs }) => atMs)) - suspendedAtMs };
  }

  async #deleteLease(): Promise<Outcome> {
    const leader = this.#leading();
    const term = this.#chronicle.since(0, 'elected').at(-1);
    const bookmark = this.#chronicle.bookmark();
    const deletedAtMs = this.#chronicle.nowMs();
    this.#act(`DELETE of Lease ${APPLICATION}`);
    await this.#stage.deleteLease();
    const gone = await this.#chronicle.next('the Lease is gone', bookmark, 'leaseGone', () => true, LIMIT_MS);
    const restored = await this.#leaseWritten(
      'the incumbent restores the Lease',
      bookmark,
      ({ leaseUid, ownerUid }) => leaseUid !== gone.leaseUid && ownerUid === leader.pod.uid,
    );
    const restoration = this.#chronicle.happenings.indexOf(restored);
    await this.#jobTicked('its job ticks on, in the same term', restoration, ({ token }) => token === term?.token);
    return { outcome: `${leader.pod.name} restored it`, tookMs: restored.atMs - deletedAtMs };
  }

  async #deletePod(): Promise<Outcome> {
    const ghost = this.#leading();
    const bookmark = this.#chronicle.bookmark();
    const deletedAtMs = this.#chronicle.nowMs();
    this.#act(`DELETE of Pod ${ghost.pod.name}, which leads`);
    await this.#stage.deletePod(ghost.pod);
    const elected = await this.#successor(bookmark, ghost);
    await this.#podGone(ghost.pod, bookmark);
    // No node has the Pod, so the object went at once, and its process learns of it as the others do.
    await this.#chronicle.next(
      `${ghost.name} stops leading`,
      bookmark,
      'jobEnded',
      ({ process }) => process === ghost.name,
      LIMIT_MS,
    );
    ghost.terminate();
    await this.#ended(ghost, bookmark);
    this.#act('a replacement is scheduled');
    const replacement = await this.#schedule(`${APPLICATION}-d`);
    this.#cast = [...this.#cast.filter((process) => process !== ghost), replacement];
    await this.#followers(bookmark, this.#leading());
    await this.#ticks(bookmark, elected.token, TICKS);
    return { outcome: `${this.#leading().pod.name} leads`, tookMs: elected.atMs - deletedAtMs };
  }

  /**
   * Plays the kubelet. `stop()` releases the Lease of its own accord only when its Pod has a `deletionTimestamp` and
   * still exists, and a Pod without a node has that for no moment, unless a finalizer holds up its end. So one does,
   * in place of the node, and goes when the process has ended, as a kubelet's word would. `stop({ release: true })`
   * would be shorter, but it is not what happens to an application when its Pod is deleted.
   */
  async #handOver(): Promise<Outcome> {
    const leaving = this.#leading();
    const bookmark = this.#chronicle.bookmark();
    await this.#stage.holdUpEnd(leaving.pod);
    this.#act(`DELETE of Pod ${leaving.pod.name}, gracefully`);
    await this.#stage.deletePod(leaving.pod);
    const { uid } = leaving.pod;
    await this.#chronicle.next(
      'the Pod is terminating',
      bookmark,
      'podTerminating',
      ({ pod }) => pod.uid === uid,
      LIMIT_MS,
    );
    const askedAtMs = this.#chronicle.nowMs();
    this.#act(`SIGTERM to ${leaving.name}`);
    leaving.terminate();
    const elected = await this.#successor(bookmark, leaving);
    await this.#ended(leaving, bookmark);
    await this.#leaseWritten(
      'the Lease was released',
      bookmark,
      ({ released, ownerUid }) => released && ownerUid === uid,
    );
    await this.#ticks(bookmark, elected.token, 1);
    this.#cast = this.#cast.filter((process) => process !== leaving);
    await this.#followers(bookmark, this.#leading());
    this.#act(`Pod ${leaving.pod.name} may go`);
    await this.#stage.confirmEnd(leaving.pod);
    await this.#podGone(leaving.pod, bookmark);
    return { outcome: `${this.#leading().pod.name} leads`, tookMs: elected.atMs - askedAtMs };
  }

  /** The rest is ended, too; whoever leads keeps the Lease, since its Pod is not being deleted. */
  async #curtain(): Promise<void> {
    const bookmark = this.#chronicle.bookmark();
    this.#act('SIGTERM to the rest');
    for (const process of this.#cast) process.terminate();
    await Promise.all(this.#cast.map((process) => this.#ended(process, bookmark)));
  }

  #podGone({ uid }: PodReference, bookmark: Bookmark): Promise<HappeningOf<'podGone'>> {
    return this.#chronicle.next('the Pod is gone', bookmark, 'podGone', ({ pod }) => pod.uid === uid, LIMIT_MS);
  }

  /** How an application should end after SIGTERM: by itself, when nothing of the elector is left. */
  #ended({ name }: CandidateProcess, bookmark: Bookmark): Promise<HappeningOf<'processEnded'>> {
    return this.#chronicle.next(
      `${name} ends by itself`,
      bookmark,
      'processEnded',
      ({ process, how }) => process === name && how === 'exit code 0',
      LIMIT_MS,
    );
  }

  /** A new Pod, and its container. */
  async #schedule(name: string): Promise<CandidateProcess> {
    return this.#start(await this.#stage.createPod(name), 1);
  }

  async #start(pod: PodReference, run: number): Promise<CandidateProcess> {
    const serviceAccountDirectory = await this.#stage.mountServiceAccount(pod);
    this.#chronicle.checkInterruption();
    const { environment } = this.#stage;
    const options = { pod, run, serviceAccountDirectory, environment, chronicle: this.#chronicle };
    const process = new CandidateProcess(options);
    this.#processes.push(process);
    return process;
  }

  #leading(): CandidateProcess {
    if (this.#leader === undefined) throw new NotObserved('nobody leads');
    return this.#leader;
  }

  #lead(name: string): CandidateProcess {
    this.#leader = this.#processes.find((process) => process.name === name);
    return this.#leading();
  }

  async #successor(bookmark: Bookmark, predecessor: CandidateProcess): Promise<HappeningOf<'elected'>> {
    const isOther = ({ process }: { process: string }): boolean => process !== predecessor.name;
    const elected = await this.#chronicle.next('another Pod is elected', bookmark, 'elected', isOther, LIMIT_MS);
    this.#lead(elected.process);
    await this.#proof(elected);
    return elected;
  }

  /** The director sees a step's last write to the Lease before the step ends, or it would count it for the next. */
  async #proof({ token }: HappeningOf<'elected'>): Promise<void> {
    await this.#leaseWritten('the Lease shows it, too', 0, ({ revision }) => revision === token);
  }

  async #followers(bookmark: Bookmark, leader: CandidateProcess): Promise<void> {
    const others = this.#cast.filter((process) => process !== leader);
    await this.#chronicle.until(
      `the others know that ${leader.pod.name} leads`,
      START_LIMIT_MS,
      () =>
        others.every(({ name }) => {
          const known = this.#chronicle.since(bookmark, 'leaderChanged', ({ process }) => process === name).at(-1);
          return known?.leader === leader.pod.name;
        }) || undefined,
    );
  }

  async #ticks(bookmark: Bookmark, token: bigint, count: number): Promise<void> {
    await this.#chronicle.until(
      'its job ticks',
      LIMIT_MS,
      () => this.#chronicle.since(bookmark, 'jobTicked', (tick) => tick.token === token).length >= count || undefined,
    );
  }

  #leaseWritten(
    what: string,
    bookmark: Bookmark,
    test: (event: HappeningOf<'leaseWritten'>) => boolean,
  ): Promise<HappeningOf<'leaseWritten'>> {
    return this.#chronicle.next(what, bookmark, 'leaseWritten', test, LIMIT_MS);
  }

  #jobTicked(
    what: string,
    bookmark: Bookmark,
    test: (event: HappeningOf<'jobTicked'>) => boolean,
  ): Promise<HappeningOf<'jobTicked'>> {
    return this.#chronicle.next(what, bookmark, 'jobTicked', test, LIMIT_MS);
  }

  #act(text: string): void {
    this.#chronicle.add({ type: 'acted', text });
  }

  #seeLease({ type, object: { metadata, spec } }: WatchEvent): void {
    const revision = BigInt(metadata.resourceVersion);
    if (type === 'DELETED') {
      this.#chronicle.add({ type: 'leaseGone', leaseUid: metadata.uid, revision });
      return;
    }
    const ownerUid = metadata.ownerReferences?.find(({ kind }) => kind === 'Pod')?.uid ?? null;
    const released = ownerUid !== null && metadata.annotations?.['lease-elector/released'] === ownerUid;
    const holder = spec?.holderIdentity ?? null;
    this.#chronicle.add({ type: 'leaseWritten', leaseUid: metadata.uid, ownerUid, holder, released, revision });
  }

  #seePod({ type, object: { metadata } }: WatchEvent): void {
    const pod = { name: metadata.name, uid: metadata.uid };
    if (type === 'ADDED') this.#chronicle.add({ type: 'podCreated', pod });
    if (type === 'DELETED') {
      this.#chronicle.add({ type: 'podGone', pod, revision: BigInt(metadata.resourceVersion) });
    } else if (metadata.deletionTimestamp !== undefined) {
      this.#chronicle.add({ type: 'podTerminating', pod });
    }
  }
}
