/**
 * The invariants of the election (README, "Promises and limits"), watched from outside after every event. What an
 * elector reports about itself is compared with what the API server carried out and what the process observed.
 *
 * The numbers are those of the design: 1 one leader, 2 leadership moves only for a reason, 3 fencing tokens grow,
 * 4 events alternate and end, 6 what `explain()` says is so. Liveness (5) is asked for by `simulation.ts` when the faults are over.
 */

import { SHORT_LIVES_LIMIT } from '../../src/core/short-life.ts';
import type { DemotionReason, LeaseElectorEvents, Term } from '../../src/index.ts';
import type { ObservedWrite } from '../../src/testing/index.ts';
import type { Cluster } from './cluster.ts';
import { whyUnjust } from './demotions.ts';
import { Explanations } from './explanations.ts';
import { ForeignProcess } from './foreign-process.ts';
import type { SimulatedContainer } from './simulated-container.ts';
import type { SimulatedPod } from './simulated-pod.ts';
import { LEASE, type ProcessObserver, SimulatedProcess } from './simulated-process.ts';
import { electorEvent, leaseEvent, podOf } from './simulation-record.ts';
import { Twins } from './twins.ts';

/** A broken invariant. */
export interface Violation {
  readonly invariant: 1 | 2 | 3 | 4 | 5 | 6;
  readonly what: string;
}

/** Who holds the Lease, or held the last one, as the writes tell. */
interface Holder {
  /** `null`: a Lease that no Pod owns. */
  readonly uid: string | null;
  /** Of a Lease that no Pod owns: whom it names now; `''`: nobody, and so it is anybody's. */
  readonly name: string;
  /** When it became the holder. */
  readonly sinceMs: number;
  readonly sinceVersion: bigint;
  released: boolean;
  /** Its Lease was deleted by an elector that had the right to. */
  cleared: boolean;
  /** Somebody's hand deleted, edited or orphaned its Lease, and it has not put that right. */
  touched: boolean;
  /** What an elector writes that judges by time: that it stands still is what counts, whatever else is written. */
  heartbeat: string;
  /** When that last changed, and for how long it then has to stand still if no Pod owns the Lease; `null`: for ever. */
  writtenMs: number;
  durationMs: number | null;
}

/** What is remembered of a process. */
interface ProcessRecord {
  term: Term | null;
  /** When that began. */
  sinceMs: number;
  /** It lost its last term against its will, and its work has not ended yet. */
  ousted: boolean;
}

export class Checkers implements ProcessObserver {
  violation: Violation | null = null;
  /** Terms that were begun. */
  termCount = 0;
  /** A write that happens now is a person's. What an elector of another kind writes counts as well. */
  handAtWork = false;
  readonly #log: (line: () => string) => void;
  #cluster: Cluster | null = null;
  #holder: Holder | null = null;
  /** Which Pod held the Lease in each version of it. */
  readonly #owners = new Map<string, string | null>();
  /** Which process created the Lease in the version that it left. */
  readonly #creators = new Map<string, SimulatedProcess>();
  /** Pods that lost the Lease to somebody's hand. */
  readonly #dispossessed = new Set<string>();
  /** How often a Lease of each Pod was deleted by another program, or by a person. */
  readonly #deletions = new Map<string, number>();
  readonly #twins = new Twins();
  readonly #explanations = new Explanations();
  readonly #records = new Map<SimulatedProcess, ProcessRecord>();
  /** When somebody's hand last touched the Lease. */
  #touchedMs = Number.NEGATIVE_INFINITY;
  #awaitedSinceMs = 0;
  #awaitedMs: number | null = null;
  #newestTerm: { readonly token: bigint; readonly pod: SimulatedPod } | null = null;

  constructor(log: (line: () => string) => void) {
    this.#log = log;
  }

  attach(cluster: Cluster): void {
    this.#cluster = cluster;
    this.#explanations.attach(cluster);
    cluster.server.onWrite((write) => {
      if (write.resource === 'leases' && write.object.metadata.name === LEASE) this.#noteWrite(cluster, write);
    });
  }

  get #nowMs(): number {
    return this.#cluster?.time.nowMs() ?? 0;
  }

  /** The Pod that holds the Lease, or held the last one, and has not released it. */
  get holderUid(): string | null {
    return this.#holder === null || this.#holder.released ? null : this.#holder.uid;
  }

  /** Whether the holder was ever informed: a Lease that was given by hand can be gone before its Pod observes it. */
  isAwareOfIt(pod: SimulatedPod): boolean {
    const holder = this.#holder;
    if (holder?.uid !== pod.uid || !holder.touched) return true;
    return pod.processes.some(
      (process) =>
        process instanceof SimulatedProcess &&
        process.alive &&
        process.knowledge.owners.get(pod.uid)?.some(({ version }) => version >= holder.sinceVersion) === true,
    );
  }

  /** From now on it is measured how long nobody leads. */
  awaitLeader(): void {
    this.#awaitedSinceMs = this.#nowMs;
    this.#awaitedMs = null;
  }

  /** How long nobody led since then, in milliseconds; `null` while nobody does. */
  get awaitedMs(): number | null {
    return this.#awaitedMs;
  }

  // --- What the electors say

  event(
    process: SimulatedProcess,
    name: keyof LeaseElectorEvents,
    term: Term | null,
    reason: DemotionReason | null = null,
    code?: string,
  ): void {
    if (!process.alive) return;
    this.#log(() => `${process.name}: ${name}${term === null ? '' : ` (token ${term.fencingToken})`}`);
    const event = electorEvent(process, name, term, reason ?? code ?? '');
    if (event !== null) this.#cluster?.record(event);
    if (process.stopped) this.#violated(4, `${process.name} emits ${name} after stop() has resolved`);
    const record = this.#recordOf(process);
    if (name === 'elected' && term !== null) this.#elected(process, record, term);
    if (name === 'demoted') {
      if (record.term === null || record.term !== term) {
        this.#violated(4, `${process.name} is demoted from a term it was not elected for`);
      }
      if (term?.signal.aborted === false) this.#violated(4, `${process.name} is demoted before term.signal is aborted`);
      // Its Lease may have been somebody's for a moment, or is by now.
      const taken = this.#touchedMs >= record.sinceMs || this.holderUid !== process.pod.uid;
      const deletions = this.#deletions.get(process.pod.uid) ?? 0;
      const unjust = record.term === null ? null : whyUnjust(process, reason, { taken, deletions, nowMs: this.#nowMs });
      if (unjust !== null) this.#violated(2, `${process.name} is demoted (${reason}), although ${unjust}`);
      record.term = null;
      record.ousted ||= reason !== 'stopped' && reason !== 'stepped-down';
    }
  }

  workBegan(process: SimulatedProcess, term: Term): void {
    this.#log(() => `${process.name}: work of term ${term.fencingToken} begins`);
    if (process.stopped) this.#violated(4, `${process.name} calls onElected after stop() has resolved`);
  }

  workEnded(process: SimulatedProcess, term: Term): void {
    this.#log(() => `${process.name}: work of term ${term.fencingToken} ends`);
    this.#cluster?.record({ type: 'workEnded', pod: podOf(process.pod), process: process.name });
  }

  gaveUp({ name, pod, knowledge }: SimulatedProcess): void {
    const deletions = this.#deletions.get(pod.uid) ?? 0;
    if (pod.gone || knowledge.podGone || deletions >= SHORT_LIVES_LIMIT) return;
    this.#violated(5, `${name} gives its campaign up, although its Lease was deleted ${deletions} times`);
  }

  #elected(process: SimulatedProcess, record: ProcessRecord, term: Term): void {
    this.termCount += 1;
    if (record.term !== null) this.#violated(4, `${process.name} is elected twice without a demotion`);
    record.term = term;
    record.sinceMs = this.#nowMs;
    const { pod } = process;
    const isOwnCreate = this.#creators.get(String(term.fencingToken)) === process;
    // A create was checked when it was carried out; who resumes its term proves anew that its Pod exists.
    if (pod.gone && !isOwnCreate && !process.knowledge.lookAtOwnPod(this.#nowMs).looked) {
      this.#violated(2, `${process.name} begins a term without a look at its own Pod, which is gone`);
    }
    if ((process.knowledge.podGoneAtMs ?? this.#nowMs) < this.#nowMs) {
      this.#violated(2, `${process.name} begins a term although it has observed that its own Pod is gone`);
    }
    const owner = this.#owners.get(String(term.fencingToken));
    if (owner !== pod.uid) {
      this.#violated(2, `${process.name} leads by version ${term.fencingToken} of the Lease, which is not its own`);
    }
    const newest = this.#newestTerm;
    if (newest !== null && !pod.gone && !this.#isExcused(process)) {
      const grows = term.fencingToken > newest.token;
      const resumes = term.resumed && newest.pod === pod && term.fencingToken === newest.token;
      if (!grows && !resumes) {
        this.#violated(
          3,
          `${process.name} has the token ${term.fencingToken} after ${newest.token} of ${newest.pod.name}`,
        );
      }
    }
    if (newest === null || term.fencingToken > newest.token) this.#newestTerm = { token: term.fencingToken, pod };
  }

  // --- What the API server carried out

  #noteWrite(cluster: Cluster, write: ObservedWrite): void {
    const { type, object, resourceVersion } = write;
    const { metadata, spec = {} } = object;
    const owner = metadata.ownerReferences?.[0] ?? null;
    const by = cluster.network.served?.endpoint ?? null;
    const writer = by instanceof SimulatedProcess ? by : null;
    const { served } = cluster.network;
    const changed = served?.changed === true;
    // What a webhook takes away is as good as edited by hand.
    const byHand =
      this.handAtWork || changed || (by instanceof ForeignProcess && by.pod.program === 'expiring elector');
    // A Lease with a finalizer is marked, and goes when that is taken off.
    const deletes = type === 'DELETED' || (served?.request.verb === 'delete' && served.request.resource === 'leases');
    if (byHand || (by === null && type === 'DELETED')) this.#touchedMs = cluster.time.nowMs();
    const who = writer?.name ?? by?.name ?? (this.handAtWork ? 'somebody' : 'the collector');
    this.#log(() => `${who}: Lease ${type} (version ${resourceVersion}, owner ${owner?.name ?? 'none'})`);
    cluster.record(leaseEvent(write, who, cluster.pods));
    if (writer !== null) this.#checkWrite(cluster, writer, deletes ? 'DELETED' : type);
    if (writer !== null) {
      this.#twins.noteWrite(resourceVersion, {
        writer,
        renewTime: spec['renewTime'] ?? null,
        created: type === 'ADDED',
      });
    }
    if (writer !== null && type === 'ADDED' && served?.request.verb === 'update') {
      this.#violated(2, `${writer.name} brings a Lease back that is gone, by a PUT`);
    }
    if (writer !== null && type === 'ADDED') {
      this.#creators.set(resourceVersion, writer);
      this.#checkCreator(cluster, writer);
    }
    if (writer !== null && spec['holderIdentity'] == null && !deletes) {
      this.#violated(2, `${writer.name} writes a Lease without a holderIdentity, on which sidecars crash`);
    }
    if (deletes) {
      const holder = this.#holder;
      if (writer === null && owner !== null) this.#deletions.set(owner.uid, (this.#deletions.get(owner.uid) ?? 0) + 1);
      if (type !== 'DELETED') this.#owners.set(resourceVersion, owner?.uid ?? null);
      // The collector's second attempt, which has the uid alone, strikes the Lease of a live Pod that was given to it by hand.
      if (holder === null) return;
      const collected = by === null && holder.uid !== null && cluster.podExists(holder.uid);
      if (byHand || collected) holder.touched = true;
      // It had the right to, as was checked: from now on nobody holds it, whoever creates the next one.
      if (writer !== null) holder.cleared = true;
      return;
    }
    const name = String(spec['holderIdentity'] ?? '');
    const previous = this.#holder;
    // An owner that was edited away holds the Lease still, unless it names somebody else: nobody else took it.
    const orphaned = (this.handAtWork || changed) && previous !== null && (name === '' || name === previous.name);
    const uid = owner?.uid ?? (orphaned ? previous.uid : null);
    // Whoever saw that it was given up may have acted on it, although it lost its owner since.
    const released = uid !== null && metadata.annotations?.['lease-elector/released'] === uid;
    this.#owners.set(resourceVersion, uid);
    const seconds = spec['leaseDurationSeconds'];
    const durationMs = typeof seconds === 'number' ? seconds * 1_000 : null;
    const { holderIdentity, renewTime, leaseTransitions } = spec;
    const heartbeat = JSON.stringify([object.metadata.uid, holderIdentity, renewTime, seconds, leaseTransitions]);
    const writtenMs = cluster.time.nowMs();
    // Whose Lease was given up, or cleared away, and who creates a new one holds it anew.
    const holdsOn = previous !== null && (type === 'MODIFIED' || !(previous.released || previous.cleared));
    if (holdsOn && previous.uid === uid && (uid !== null || previous.name === name)) {
      previous.released = released;
      previous.cleared = false;
      previous.touched = byHand ? true : by !== null ? false : previous.touched;
      if (previous.heartbeat !== heartbeat) previous.writtenMs = writtenMs;
      previous.heartbeat = heartbeat;
      previous.durationMs = durationMs;
      return;
    }
    if (previous !== null && (previous.touched || byHand)) {
      // Of a Lease whose owner a webhook took off nothing is left but the name of the Pod.
      const loser = previous.uid ?? cluster.livePods.find((pod) => pod.name === previous.name)?.uid;
      if (loser !== undefined) this.#dispossessed.add(loser);
    }
    if (uid !== null) this.#dispossessed.delete(uid);
    this.#holder = {
      uid,
      name,
      sinceMs: writtenMs,
      sinceVersion: BigInt(resourceVersion),
      released,
      cleared: false,
      touched: byHand,
      heartbeat,
      writtenMs,
      durationMs,
    };
  }

  /** A create of an elector of this library: had it looked whether its own Pod exists? */
  #checkCreator({ network }: Cluster, writer: SimulatedProcess): void {
    const { served } = network;
    const look = served === null ? undefined : writer.knowledge.lookBefore(served.request);
    if (look === undefined) return;
    if (writer.pod.gone && !look.looked) {
      this.#violated(2, `${writer.name} creates the Lease without a look at its own Pod, which is gone`);
    }
  }

  /** A write of an elector of this library: had it the right to it? */
  #checkWrite(cluster: Cluster, writer: SimulatedProcess, type: ObservedWrite['type']): void {
    const holder = this.#holder;
    if (holder === null || holder.uid === writer.pod.uid) return;
    if (holder.uid === null && holder.name === '') return;
    const verb = { ADDED: 'creates', MODIFIED: 'overwrites', DELETED: 'deletes' }[type];
    // A PUT is for one's own Lease alone: a new owner needs a new Lease.
    const free =
      type !== 'MODIFIED' &&
      (holder.uid !== null
        ? this.#isFree(cluster, holder, holder.uid, writer)
        : type === 'ADDED' || standsStill(holder, cluster.time.nowMs(), writer));
    if (!free) this.#violated(2, `${writer.name} ${verb} the Lease, which ${holder.name} holds`);
  }

  #isFree(cluster: Cluster, holder: Holder, uid: string, writer: SimulatedProcess): boolean {
    if (holder.released || holder.cleared || !cluster.podExists(uid)) return true;
    if (writer.succeedsStopped && cluster.hasStopped(uid)) return true;
    if (!holder.touched) return false;
    // Who came later, and finds no Lease or one without an owner, cannot know whose it was. What was sent before it
    // was known, were it in the same moment, cannot be called back.
    const sentAtMs = cluster.network.served?.sentAtMs ?? 0;
    const { lastOwner, owners } = writer.knowledge;
    // It has not observed that the release was withdrawn since.
    if (lastOwner?.uid === uid && lastOwner.released) return true;
    const tidings = owners.get(uid) ?? [];
    const knew = tidings.some(({ version, atMs }) => version >= holder.sinceVersion && atMs < sentAtMs);
    return !knew || writer.knowledge.podsForbidden;
  }

  // --- After every event

  check(): void {
    const cluster = this.#cluster;
    if (cluster === null) return;
    let leader: string | null = null;
    for (const process of cluster.running) {
      if (!process.leads) continue;
      const complaint = process instanceof SimulatedProcess ? this.#twins.complaint(process, this.#nowMs) : null;
      if (complaint !== null) this.#violated(1, complaint);
      if (!process.pod.gone) this.#awaitedMs ??= this.#nowMs - this.#awaitedSinceMs;
      if (this.#isExcused(process)) continue;
      if (leader !== null) this.#violated(1, `${leader} and ${process.name} lead at the same time`);
      leader = process.name;
    }
    this.#checkWork(cluster);
    const untruth = this.#explanations.check(cluster);
    if (untruth !== null) this.#violated(6, untruth);
  }

  /** A ghost, or one whose Lease was given away by hand, as long as it could not have known. */
  #isExcused(process: SimulatedContainer): boolean {
    const { pod } = process;
    if (process instanceof SimulatedProcess) {
      const { knowledge, elector } = process;
      const token = elector.term?.fencingToken;
      if (knowledge.podGone || (token !== undefined && knowledge.newestOfAnother > token)) return false;
    }
    // Only two processes of one identity themselves can distinguish their writes.
    return (pod.gone && pod.forced) || pod.mirrored || this.#dispossessed.has(pod.uid);
  }

  /** The work of two Pods overlaps only where one was ousted, or does not obey. */
  #checkWork(cluster: Cluster): void {
    let worker: string | null = null;
    for (const process of cluster.running) {
      if (!(process instanceof SimulatedProcess)) continue;
      const record = this.#records.get(process);
      if (record === undefined) continue;
      if (process.working === 0) {
        record.ousted = false;
        continue;
      }
      if (record.ousted || !process.obeys || process.pod.gone || this.#isExcused(process)) continue;
      if (worker !== null) this.#violated(1, `the work of ${worker} and ${process.name} overlaps`);
      worker = process.name;
    }
  }

  violated(invariant: Violation['invariant'], what: string): void {
    this.#violated(invariant, what);
  }

  #violated(invariant: Violation['invariant'], what: string): void {
    this.#log(() => `VIOLATION of invariant ${invariant}: ${what}`);
    const text = `Invariant ${invariant} is broken: ${what}`;
    if (this.violation === null) this.#cluster?.record({ type: 'noted', text, tone: 'violation' });
    this.violation ??= { invariant, what };
  }

  #recordOf(process: SimulatedProcess): ProcessRecord {
    let record = this.#records.get(process);
    if (record === undefined) {
      record = { term: null, sinceMs: 0, ousted: false };
      this.#records.set(process, record);
    }
    return record;
  }
}

/** Whether a Lease that no Pod owns has not changed for its duration, on a clock that runs at double speed at most. */
function standsStill({ writtenMs, durationMs }: Holder, nowMs: number, judge: SimulatedProcess): boolean {
  if (durationMs === null) return false;
  return nowMs - writtenMs >= durationMs / 2 || judge.clock.jumpedMs >= writtenMs;
}
