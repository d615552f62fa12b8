/**
 * Checks the invariants of the election (README, "Promises and limits") from outside, after every event. It compares
 * the reports of an elector with the writes of the API server and with the observations of the process.
 *
 * The numbers are those of the design: 1 one leader, 2 leadership moves only for a reason, 3 fencing tokens grow, 4
 * events alternate and end, 5 there is a leader, 6 `explain()` is true. `simulation.ts` checks 5 when the faults are
 * over. During the faults, a process breaks 5 only when it stops campaigning too early or sends too many requests.
 */

import { SHORT_LIVES_LIMIT } from '../../src/core/short-life.ts';
import type { DemotionReason, LeaseElectorEvents, Term } from '../../src/index.ts';
import type { ObservedWrite } from '../../src/testing/index.ts';
import type { Cluster } from './cluster.ts';
import { invalidDemotion } from './demotions.ts';
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

/** The holder of the present Lease, or of the last Lease, according to the writes. */
interface Holder {
  /** `null`: a Lease that no Pod owns. */
  readonly uid: string | null;
  /** The holderIdentity of a Lease that no Pod owns. With `''`, every process may take the Lease. */
  readonly name: string;
  /** When it became the holder. */
  readonly sinceMs: number;
  readonly sinceVersion: bigint;
  released: boolean;
  /** Its Lease was deleted by an elector that was allowed to delete it. */
  deletedByElector: boolean;
  /** A person deleted, edited or orphaned its Lease, and the holder has not repaired the Lease since. */
  editedByHand: boolean;
  /**
   * The fields that a time-based elector writes. The duration begins with their last change. Other writes do not count.
   */
  heartbeat: string;
  /**
   * When the heartbeat last changed.
   */
  writtenMs: number;
  /** How long the heartbeat must stay unchanged until a Lease that no Pod owns is free. `null`: it is never free. */
  durationMs: number | null;
}

/** The checkers' record of a process. */
interface ProcessRecord {
  term: Term | null;
  /** A write by a person to this version of the Lease, or to a later one, may have ended the term. */
  sinceVersion: bigint;
  /** The process lost its last term without a call of its application, and its work has not ended yet. */
  demotedInvoluntarily: boolean;
}

export class Checkers implements ProcessObserver {
  violation: Violation | null = null;
  /** The number of terms that have begun. */
  termCount = 0;
  /** Whether a person makes the current write. Writes of a time-based elector are treated in the same way. */
  isManualWrite = false;
  readonly #log: (line: () => string) => void;
  #cluster: Cluster | null = null;
  #holder: Holder | null = null;
  /** The uid of the Pod that held the Lease, by version of the Lease. */
  readonly #owners = new Map<string, string | null>();
  /** The process that created the Lease, by version of the Lease. */
  readonly #creators = new Map<string, SimulatedProcess>();
  /** The uids of Pods that lost the Lease because a person edited it. */
  readonly #lostByHand = new Set<string>();
  /** How often another program or a person deleted a Lease of each Pod, by uid. */
  readonly #deletions = new Map<string, number>();
  /** The uid of the Pod for which the present Lease was created. */
  #firstOwner: string | null = null;
  readonly #twins = new Twins();
  readonly #explanations = new Explanations();
  readonly #records = new Map<SimulatedProcess, ProcessRecord>();
  /** The version of the last write. */
  #leaseVersion = 0n;
  /** The version of the last write by a person. */
  #editedByHandVersion = -1n;
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

  /**
   * Whether a process of this Pod has observed that the Pod holds the Lease. A Lease that was given by hand can be
   * deleted before.
   */
  isHolderInformed(pod: SimulatedPod): boolean {
    const holder = this.#holder;
    if (holder?.uid !== pod.uid || !holder.editedByHand) return true;
    return pod.processes.some(
      (process) =>
        process instanceof SimulatedProcess &&
        process.alive &&
        process.observations.owners.get(pod.uid)?.some(({ version }) => version >= holder.sinceVersion) === true,
    );
  }

  /** Begins to measure the time without a leader. */
  awaitLeader(): void {
    this.#awaitedSinceMs = this.#nowMs;
    this.#awaitedMs = null;
  }

  /** The time without a leader since then, in milliseconds. `null` until there is a leader. */
  get awaitedMs(): number | null {
    return this.#awaitedMs;
  }

  // --- Events of the electors

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
        this.#violated(4, `${process.name} is demoted from a term that it was not elected for`);
      }
      if (term?.signal.aborted === false) this.#violated(4, `${process.name} is demoted before term.signal is aborted`);
      // Its Lease belonged to another Pod for a moment, or belongs to another Pod now.
      const taken = this.#editedByHandVersion >= record.sinceVersion || this.holderUid !== process.pod.uid;
      const deletions = this.#deletions.get(process.pod.uid) ?? 0;
      const invalid =
        record.term === null ? null : invalidDemotion(process, reason, { taken, deletions, nowMs: this.#nowMs });
      if (invalid !== null) this.#violated(2, `${process.name} is demoted (${reason}), although ${invalid}`);
      record.term = null;
      record.demotedInvoluntarily ||= reason !== 'stopped' && reason !== 'stepped-down';
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

  gaveUp({ name, pod, observations }: SimulatedProcess): void {
    const deletions = this.#deletions.get(pod.uid) ?? 0;
    if (pod.gone || observations.podGone || deletions >= SHORT_LIVES_LIMIT) return;
    this.#violated(5, `${name} ends its campaign, although its Lease was deleted only ${deletions} times`);
  }

  #elected(process: SimulatedProcess, record: ProcessRecord, term: Term): void {
    this.termCount += 1;
    if (record.term !== null) this.#violated(4, `${process.name} is elected twice without a demotion`);
    record.term = term;
    // A person may have edited the Lease after the write that began the term, and before its answer.
    const newest = this.#newestTerm;
    const isNewest = newest === null || term.fencingToken > newest.token;
    record.sinceVersion = isNewest ? term.fencingToken : this.#leaseVersion + 1n;
    const { pod } = process;
    const isOwnCreate = this.#creators.get(String(term.fencingToken)) === process;
    // A create was checked when it was executed. A resumed term needs another proof that its Pod exists.
    if (pod.gone && !isOwnCreate && !process.observations.ownPodRead(this.#nowMs).wasRead) {
      this.#violated(2, `${process.name} begins a term without a read of its own Pod, which is gone`);
    }
    if ((process.observations.podGoneAtMs ?? this.#nowMs) < this.#nowMs) {
      this.#violated(2, `${process.name} begins a term although it has observed that its own Pod is gone`);
    }
    const owner = this.#owners.get(String(term.fencingToken));
    if (owner !== pod.uid) {
      this.#violated(
        2,
        `${process.name} leads by version ${term.fencingToken} of the Lease, which its Pod does not own`,
      );
    }
    if (newest !== null && !pod.gone && !this.#isExcused(process)) {
      const resumes = term.resumed && newest.pod === pod && term.fencingToken === newest.token;
      if (!isNewest && !resumes) {
        this.#violated(
          3,
          `${process.name} has the token ${term.fencingToken} after ${newest.token} of ${newest.pod.name}`,
        );
      }
    }
    if (isNewest) this.#newestTerm = { token: term.fencingToken, pod };
  }

  // --- Writes of the API server

  #noteWrite(cluster: Cluster, write: ObservedWrite): void {
    const { type, object, resourceVersion } = write;
    const { metadata, spec = {} } = object;
    const owner = metadata.ownerReferences?.[0] ?? null;
    const by = cluster.network.served?.endpoint ?? null;
    const writer = by instanceof SimulatedProcess ? by : null;
    const { served } = cluster.network;
    const changed = served?.changed === true;
    // A change by a webhook is treated as an edit by hand.
    const byHand =
      this.isManualWrite || changed || (by instanceof ForeignProcess && by.pod.program === 'expiring elector');
    // A Lease with a finalizer gets a deletionTimestamp, and is deleted when the finalizer is removed.
    const deletes = type === 'DELETED' || (served?.request.verb === 'delete' && served.request.resource === 'leases');
    this.#leaseVersion = BigInt(resourceVersion);
    if (byHand || (by === null && type === 'DELETED')) this.#editedByHandVersion = this.#leaseVersion;
    const who = writer?.name ?? by?.name ?? (this.isManualWrite ? 'somebody' : 'the collector');
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
      this.#violated(2, `${writer.name} re-creates a deleted Lease by a PUT`);
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
      if (writer === null) this.#noteDeletion(owner?.uid ?? null);
      if (type !== 'DELETED') this.#owners.set(resourceVersion, owner?.uid ?? null);
      // The collector's second attempt has only the uid as a precondition. It deletes a Lease that was given to a live
      // Pod by hand.
      if (holder === null) return;
      const collected = by === null && holder.uid !== null && cluster.podExists(holder.uid);
      if (byHand || collected) holder.editedByHand = true;
      // The check above has shown that the elector was allowed to delete it. From now on the Lease has no holder.
      if (writer !== null) holder.deletedByElector = true;
      return;
    }
    if (type === 'ADDED') this.#firstOwner = owner?.uid ?? null;
    const name = String(spec['holderIdentity'] ?? '');
    const previous = this.#holder;
    // An owner whose reference was removed by hand still holds the Lease, unless the Lease names another holder.
    const orphaned = (this.isManualWrite || changed) && previous !== null && (name === '' || name === previous.name);
    const uid = owner?.uid ?? (orphaned ? previous.uid : null);
    // An elector that observed the release may have acted on it, although the Lease has lost its owner since.
    const released = uid !== null && metadata.annotations?.['lease-elector/released'] === uid;
    this.#owners.set(resourceVersion, uid);
    const seconds = spec['leaseDurationSeconds'];
    const durationMs = typeof seconds === 'number' ? seconds * 1_000 : null;
    const { holderIdentity, renewTime, leaseTransitions } = spec;
    const heartbeat = JSON.stringify([object.metadata.uid, holderIdentity, renewTime, seconds, leaseTransitions]);
    const writtenMs = cluster.time.nowMs();
    // A holder whose Lease was released or deleted, and that creates a new Lease, begins a new holding.
    const continuesHolding =
      previous !== null && (type === 'MODIFIED' || !(previous.released || previous.deletedByElector));
    if (continuesHolding && previous.uid === uid && (uid !== null || previous.name === name)) {
      previous.released = released;
      previous.deletedByElector = false;
      previous.editedByHand = byHand ? true : by !== null ? false : previous.editedByHand;
      if (previous.heartbeat !== heartbeat) previous.writtenMs = writtenMs;
      previous.heartbeat = heartbeat;
      previous.durationMs = durationMs;
      return;
    }
    if (previous !== null && (previous.editedByHand || byHand)) {
      // When a webhook has removed the owner, only the name of the Pod is left.
      const loser = previous.uid ?? cluster.livePods.find((pod) => pod.name === previous.name)?.uid;
      if (loser !== undefined) this.#lostByHand.add(loser);
    }
    if (uid !== null) this.#lostByHand.delete(uid);
    this.#holder = {
      uid,
      name,
      sinceMs: writtenMs,
      sinceVersion: BigInt(resourceVersion),
      released,
      deletedByElector: false,
      editedByHand: byHand,
      heartbeat,
      writtenMs,
      durationMs,
    };
  }

  /**
   * Counts a deletion by another program or a person. The first owner might not have observed that the Lease was given
   * to another holder before.
   */
  #noteDeletion(owner: string | null): void {
    for (const uid of new Set([this.#firstOwner, owner])) {
      if (uid !== null) this.#deletions.set(uid, (this.#deletions.get(uid) ?? 0) + 1);
    }
  }

  /** Checks a create of an elector of this library: its own Pod must have been read before. */
  #checkCreator({ network }: Cluster, writer: SimulatedProcess): void {
    const { served } = network;
    const read = served === null ? undefined : writer.observations.ownPodReadBefore(served.request);
    if (read === undefined) return;
    if (writer.pod.gone && !read.wasRead) {
      this.#violated(2, `${writer.name} creates the Lease without a read of its own Pod, which is gone`);
    }
  }

  /** Checks a write of an elector of this library: the elector must be allowed to write the Lease. */
  #checkWrite(cluster: Cluster, writer: SimulatedProcess, type: ObservedWrite['type']): void {
    const holder = this.#holder;
    if (holder === null || holder.uid === writer.pod.uid) return;
    if (holder.uid === null && holder.name === '') return;
    const verb = { ADDED: 'creates', MODIFIED: 'overwrites', DELETED: 'deletes' }[type];
    // A PUT is allowed only on the Lease of the writer's own Pod. A new owner needs a new Lease.
    const free =
      type !== 'MODIFIED' &&
      (holder.uid !== null
        ? this.#isFree(cluster, holder, holder.uid, writer)
        : type === 'ADDED' || hasNotChanged(holder, cluster.time.nowMs(), writer));
    if (!free) this.#violated(2, `${writer.name} ${verb} the Lease, which ${holder.name} holds`);
  }

  #isFree(cluster: Cluster, holder: Holder, uid: string, writer: SimulatedProcess): boolean {
    if (holder.released || holder.deletedByElector || !cluster.podExists(uid)) return true;
    if (writer.stoppedCountsAsGone && cluster.hasStopped(uid)) return true;
    if (!holder.editedByHand) return false;
    // A later process that finds no Lease, or one without an owner, cannot find out the holder. A request that was sent
    // before the process observed the holder, even in the same moment, cannot be cancelled.
    const sentAtMs = cluster.network.served?.sentAtMs ?? 0;
    const { lastOwner, owners } = writer.observations;
    // The writer has not observed that the release was withdrawn since.
    if (lastOwner?.uid === uid && lastOwner.released) return true;
    const sightings = owners.get(uid) ?? [];
    const wasInformed = sightings.some(({ version, atMs }) => version >= holder.sinceVersion && atMs < sentAtMs);
    return !wasInformed || writer.observations.podsForbidden;
  }

  // --- After every event

  check(): void {
    const cluster = this.#cluster;
    if (cluster === null) return;
    let leader: string | null = null;
    for (const process of cluster.running) {
      if (!process.leads) continue;
      const violation = process instanceof SimulatedProcess ? this.#twins.violationOf(process, this.#nowMs) : null;
      if (violation !== null) this.#violated(1, violation);
      if (!process.pod.gone) this.#awaitedMs ??= this.#nowMs - this.#awaitedSinceMs;
      if (this.#isExcused(process)) continue;
      if (leader !== null) this.#violated(1, `${leader} and ${process.name} lead at the same time`);
      leader = process.name;
    }
    this.#checkWork(cluster);
    const contradiction = this.#explanations.check(cluster);
    if (contradiction !== null) this.#violated(6, contradiction);
  }

  /**
   * Whether a process may lead beside another leader. That is a ghost, a process with a twin, or a process whose Lease
   * was given away by hand, until it has observed that its Pod is gone or that another Pod owns the Lease.
   */
  #isExcused(process: SimulatedContainer): boolean {
    const { pod } = process;
    if (process instanceof SimulatedProcess) {
      const { observations, elector } = process;
      const token = elector.term?.fencingToken;
      if (observations.podGone || (token !== undefined && observations.newestOfAnother > token)) return false;
    }
    // The writes of two processes with one identity cannot be distinguished from outside.
    return (pod.gone && pod.forced) || pod.mirrored || this.#lostByHand.has(pod.uid);
  }

  /** The work of two Pods overlaps only if one Pod lost its term involuntarily, or does not end its work in time. */
  #checkWork(cluster: Cluster): void {
    let worker: string | null = null;
    for (const process of cluster.running) {
      if (!(process instanceof SimulatedProcess)) continue;
      const record = this.#records.get(process);
      if (record === undefined) continue;
      if (process.working === 0) {
        record.demotedInvoluntarily = false;
        continue;
      }
      if (record.demotedInvoluntarily || !process.endsWorkInTime || process.pod.gone || this.#isExcused(process))
        continue;
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
      record = { term: null, sinceVersion: 0n, demotedInvoluntarily: false };
      this.#records.set(process, record);
    }
    return record;
  }
}

/**
 * Whether a Lease that no Pod owns has not changed for its duration. The clock of the judging process runs at most at
 * double speed.
 */
function hasNotChanged({ writtenMs, durationMs }: Holder, nowMs: number, judge: SimulatedProcess): boolean {
  if (durationMs === null) return false;
  return nowMs - writtenMs >= durationMs / 2 || judge.clock.jumpedMs >= writtenMs;
}
