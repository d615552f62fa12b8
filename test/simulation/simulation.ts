/**
 * One simulation: everything that follows from a seed. First the faults, with safety checked after every event;
 * then they end, and liveness is due.
 */

import { LeaseElector } from '../../src/lease-elector.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import type { TimelineEvent } from '../../src/testing/index.ts';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { Checkers, type Violation } from './checkers.ts';
import { Cluster } from './cluster.ts';
import { letHappen } from './faults.ts';
import { CALM, LATEST_REQUEST_MS } from './network-conditions.ts';
import { describeParameters, drawParameters, type Fault, type SimulationParameters } from './parameters.ts';
import type { Program, SimulatedPod } from './simulated-pod.ts';
import { type ElectorFactory, SimulatedProcess } from './simulated-process.ts';
import { VirtualTime } from './virtual-time.ts';

/**
 * When the faults are over and the last late request has arrived, there is a leader after so many milliseconds, if
 * there can be one: the watches and time-outs that wait for what was lost.
 */
export const LIVENESS_BOUND_MS = 30_000;

/** And where something was refused: what is refused for long is asked again once a minute (DESIGN 4). */
export const REFUSED_LIVENESS_BOUND_MS = 60_000;

/** And when the leader's Pod is then deleted, with 30 s to end, the next one leads after so many. */
export const FAILOVER_BOUND_MS = 60_000;

/**
 * And when the API server was away for a while, and the leader with it, the next one leads so many milliseconds after
 * its return: each candidate asks every 2 s at least, and needs a few round trips.
 */
export const RETURN_BOUND_MS = 3_000;

const LONGEST_OUTAGE_MS = 15_000;
const LOOK_EVERY_MS = 5_000;

/** What came of it. */
export interface SimulationResult {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly simulatedMs: number;
  readonly events: number;
  readonly requests: number;
  readonly terms: number;
  /** How long nobody led, in milliseconds, where a leader was due. */
  readonly gaps: Gaps;
  /** How often each fault found somebody to strike. */
  readonly faults: Partial<Readonly<Record<Fault, number>>>;
}

/** `null`: there was none to measure. */
export interface Gaps {
  /** From the end of the faults. */
  readonly faultsMs: number | null;
  /** From the return of an API server that refused all connections, while the leader's Pod went. */
  readonly returnMs: number | null;
}

export interface SimulationOptions {
  readonly seed: number;
  /** Is given every line of the log. */
  readonly log?: (line: string) => void;
  /** Is given every event of the timeline. */
  readonly record?: (event: TimelineEvent) => void;
  /** @default the library's own elector */
  readonly makeElector?: ElectorFactory;
  /** Changes what was drawn. */
  readonly adjust?: (parameters: SimulationParameters) => SimulationParameters;
}

const libraryElector: ElectorFactory = (options, runtime) => new LeaseElector(options, runtime);

/** Runs the simulation of a seed. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { seed, log, record, makeElector = libraryElector, adjust = (parameters) => parameters } = options;
  const random = seededRandom(seed);
  const parameters = adjust(drawParameters(random));
  const time = new VirtualTime();
  let lines = 0;
  const write = (line: () => string): void => {
    lines += 1;
    log?.(`${(time.nowMs() / 1000).toFixed(3).padStart(9)}  ${line()}`);
  };
  log?.(`seed ${seed}\n${describeParameters(parameters)}`);
  const checkers = new Checkers(write);
  const cluster = new Cluster({
    parameters,
    time,
    random,
    checkers,
    makeElector,
    log: write,
    record: (content) => record?.({ ...content, atMs: time.nowMs() }),
  });
  cluster.record({ type: 'stepBegan', title: 'Faults' });
  checkers.attach(cluster);
  const run = (forMs: number): Promise<void> =>
    time.runUntil(time.nowMs() + forMs, () => {
      checkers.check();
      return checkers.violation === null;
    });

  for (let pod = 0; pod < parameters.pods; pod += 1) time.setTimer(random.next() * 5_000, () => replacePods(cluster));
  const faults: Partial<Record<Fault, number>> = {};
  await faultyPhase(cluster, run, (fault) => {
    const before = lines + time.madeCount;
    letHappen(cluster, fault);
    // One that found nobody has left neither a line nor something that is to happen.
    if (lines + time.madeCount > before) faults[fault] = (faults[fault] ?? 0) + 1;
  });
  const gaps = await calmPhase(cluster, checkers, run);
  return {
    seed,
    violation: checkers.violation,
    simulatedMs: time.nowMs(),
    events: time.eventCount,
    requests: cluster.network.requestCount,
    terms: checkers.termCount,
    gaps,
    faults,
  };
}

async function faultyPhase(
  cluster: Cluster,
  run: (forMs: number) => Promise<void>,
  strike: (fault: Fault) => void,
): Promise<void> {
  const { parameters, time, random } = cluster;
  const endMs = time.nowMs() + parameters.faultyForMs;
  const controller = (): void => {
    if (time.nowMs() > endMs) return;
    replacePods(cluster);
    time.setTimer(500 + random.next() * 5_000, controller);
  };
  const fault = (): void => {
    if (time.nowMs() > endMs) return;
    const which = parameters.faults[Math.floor(random.next() * parameters.faults.length)];
    if (which !== undefined) strike(which);
    time.setTimer(-Math.log(1 - random.next()) * parameters.faultEveryMs, fault);
  };
  time.setTimer(5_000, controller);
  time.setTimer(random.next() * parameters.faultEveryMs, fault);
  await run(parameters.faultyForMs);
}

/** What a Deployment or StatefulSet does: one Pod more, when there are too few. */
function replacePods(cluster: Cluster): void {
  const { parameters, pods, livePods } = cluster;
  const working = (program: Program): number =>
    livePods.filter((pod) => pod.program === program && !pod.terminating && !pod.finished).length;
  if (working('sidecar') < parameters.sidecars) cluster.addForeignProcess('sidecar');
  if (working('expiring elector') < parameters.expiringElectors) cluster.addForeignProcess('expiring elector');
  if (working('elector') >= parameters.pods) return;
  if (!parameters.statefulSet) {
    cluster.addPod();
    return;
  }
  for (let ordinal = 0; ordinal < parameters.pods; ordinal += 1) {
    const name = `db-${ordinal}`;
    if (livePods.some((pod) => pod.name === name)) continue;
    cluster.addPod(name);
    return;
  }
  if (pods.length === 0) throw new Error('a StatefulSet without Pods');
}

/** The faults are over; nodes that are lost stay lost. */
function endFaults(cluster: Cluster): void {
  cluster.log(() => '--- the faults are over');
  cluster.record({ type: 'stepBegan', title: 'Calm' });
  cluster.calm = true;
  cluster.network.conditions = CALM;
  cluster.network.down = false;
  cluster.record({ type: 'outageEnded' });
  cluster.network.warmUp = { tokensAtMs: 0, rolesAtMs: 0 };
  cluster.network.sickness = null;
  cluster.network.webhook = null;
  cluster.network.forgetLists();
  cluster.freeLease();
  for (const pod of cluster.pods) cluster.siblingLocks.permit(pod);
  cluster.grant(ALL_PERMISSIONS);
  cluster.restoreCollector();
  // As the warning asks: nobody can tell when such a Lease ends.
  const lease = cluster.lease();
  const owned = (lease?.metadata.ownerReferences ?? []).length > 0;
  if (!owned && lease?.spec?.['leaseDurationSeconds'] === undefined) cluster.deleteLease();
  for (const process of cluster.processes) {
    process.isolated = false;
    process.staleLists = false;
    process.slownessMs = 0;
    if (process.networkNamespace !== 0) process.kill();
    process.clock.change(1, 0);
    if (process.paused) process.resume();
  }
}

async function calmPhase(cluster: Cluster, checkers: Checkers, run: (forMs: number) => Promise<void>): Promise<Gaps> {
  const gaps: { -readonly [Name in keyof Gaps]: Gaps[Name] } = { faultsMs: null, returnMs: null };
  if (checkers.violation !== null) return gaps;
  cluster.time.setTimer(0, () => {
    endFaults(cluster);
    checkers.awaitLeader();
  });
  await run(LATEST_REQUEST_MS);
  const boundMs = isRefused(cluster.parameters) ? REFUSED_LIVENESS_BOUND_MS : LIVENESS_BOUND_MS;
  await expectLeader(cluster, checkers, run, boundMs, 'the faults are over');
  gaps.faultsMs = checkers.awaitedMs;
  if (checkers.violation !== null) return gaps;

  cluster.time.setTimer(0, () => deleteHolder(cluster, checkers));
  // The kubelet needs time to begin.
  await run(LOOK_EVERY_MS);
  await expectLeader(cluster, checkers, run, FAILOVER_BOUND_MS - LOOK_EVERY_MS, 'the holder was deleted');
  if (checkers.violation !== null) return gaps;

  // Whoever still waits to ask again would be late, and the outage not to blame.
  await run(isRefused(cluster.parameters) ? REFUSED_LIVENESS_BOUND_MS : LOOK_EVERY_MS);
  gaps.returnMs = await outage(cluster, checkers, run);
  return gaps;
}

/** The API server is away, and the leader's Pod goes meanwhile. Measures from its return how long nobody leads. */
async function outage(
  cluster: Cluster,
  checkers: Checkers,
  run: (forMs: number) => Promise<void>,
): Promise<number | null> {
  const leader = cluster.electors.find(({ leads }) => leads);
  // What a foreignProcess does with a Lease that is free is its own affair.
  const foreignProcesses = cluster.livePods.some(({ program }) => program !== 'elector');
  const able = cluster.livePods.filter((pod) => pod !== leader?.pod && canLead(pod));
  if (leader === undefined || foreignProcesses || able.length === 0 || checkers.violation !== null) return null;
  const awayMs = 1_000 + cluster.random.next() * LONGEST_OUTAGE_MS;
  cluster.time.setTimer(0, () => {
    cluster.log(() => `--- the API server goes away, and ${leader.pod.name} with it`);
    cluster.record({ type: 'stepBegan', title: 'Outage' });
    cluster.stopServer(awayMs);
    const releaseCollector = cluster.server.holdGarbageCollector();
    cluster.forceDeletePod(leader.pod);
    for (const process of leader.pod.processes) process.kill();
    cluster.time.setTimer(awayMs, () => {
      releaseCollector();
      checkers.awaitLeader();
    });
  });
  await run(awayMs + RETURN_BOUND_MS);
  if (
    checkers.awaitedMs === null &&
    survivors(cluster).some(({ knowledge }) => knowledge.lastOwner?.uid === leader.pod.uid)
  ) {
    checkers.violated(5, `nobody leads ${RETURN_BOUND_MS} ms after the return of the API server`);
  }
  return checkers.awaitedMs;
}

/**
 * The processes that may succeed. Beside one that gave up, its siblings wait for the lock of their Pod. One that was never shown who led leaves the missing Lease to the Pod that led before, as
 * long as that exists.
 */
function survivors(cluster: Cluster): readonly SimulatedProcess[] {
  const gaveUp = new Set(cluster.electors.filter((process) => process.alive && process.gaveUp).map(({ pod }) => pod));
  return cluster.electors.filter(({ alive, pod }) => alive && canLead(pod) && !gaveUp.has(pod));
}

/** Whether these parameters refuse any request, even a permitted one: it is retried up to a minute later. */
function isRefused({ permissions, faults, conditions }: SimulationParameters): boolean {
  return permissions !== ALL_PERMISSIONS || conditions.errorAnswer > 0 || faults.some((fault) => REFUSING.has(fault));
}

const REFUSING: ReadonlySet<Fault> = new Set<Fault>([
  'API server down',
  'API server restarted',
  'API server sick',
  'permissions withdrawn',
  'webhook refuses',
]);

function deleteHolder(cluster: Cluster, checkers: Checkers): void {
  cluster.log(() => '--- whoever holds the Lease is deleted');
  cluster.record({ type: 'stepBegan', title: 'Holder deleted' });
  const identity = cluster.lease()?.spec?.['holderIdentity'];
  const holder =
    cluster.livePods.find(({ uid }) => uid === checkers.holderUid) ??
    cluster.livePods.find(({ name, program }) => name === identity && program === 'expiring elector');
  if (holder !== undefined) {
    if (holder.nodeLost || holder.terminating) cluster.forceDeletePod(holder);
    else cluster.deletePod(holder);
  }
  cluster.addPod(cluster.parameters.statefulSet ? 'db-new' : undefined);
}

/** Who may lead now must, and nobody else: invariant 5. Looks now and then, until it is so or the time is over. */
async function expectLeader(
  cluster: Cluster,
  checkers: Checkers,
  run: (forMs: number) => Promise<void>,
  withinMs: number,
  after: string,
): Promise<void> {
  for (let leftMs = withinMs; ; leftMs -= LOOK_EVERY_MS) {
    const amiss = whatIsAmiss(cluster, checkers, after);
    if (amiss === null || checkers.violation !== null) return;
    if (leftMs <= 0) return checkers.violated(...amiss);
    await run(LOOK_EVERY_MS);
  }
}

/** The invariant that does not hold yet, and why. */
function whatIsAmiss(cluster: Cluster, checkers: Checkers, after: string): [invariant: 1 | 5, what: string] | null {
  // A sidecar whose Pod is gone, or late in going, names itself for ever: its token is refused, and so it sees nothing.
  const ghost = cluster.processes.find(
    ({ leads, pod }) =>
      leads && pod.uid !== checkers.holderUid && !(pod.program === 'sidecar' && (pod.gone || pod.terminating)),
  );
  if (ghost !== undefined) return [1, `${ghost.name} leads long after ${after}, though the Lease is not its own`];
  const holder = cluster.livePods.find(({ uid }) => uid === checkers.holderUid);
  const able = entitled(cluster, checkers, holder)
    .filter(canLead)
    .filter((pod) => !leavesIt(cluster, pod));
  if (able.length === 0) return null;
  // Whether a foreignProcess makes use of its Lease is its own affair.
  if (cluster.isForeignProcessLease || cluster.processes.some(({ leads, pod }) => leads && able.includes(pod)))
    return null;
  const names = able.map(({ name }) => name).join(', ');
  return [5, `nobody leads long after ${after}, though ${names} could`];
}

/** Whose turn it is. Nobody is bound to succeed but electors of this library. */
function entitled(cluster: Cluster, checkers: Checkers, holder: SimulatedPod | undefined): SimulatedPod[] {
  const electors = cluster.livePods.filter(({ program }) => program === 'elector');
  if (holder === undefined) return electors;
  if (!holder.stopped) return checkers.isAwareOfIt(holder) ? [holder] : [];
  // Of siblings the one that campaigns decides by its own setting.
  return electors.filter((pod) => campaignerOf(cluster, pod)?.succeedsStopped === true);
}

/** Of the processes of a Pod the one that takes part in the election. */
function campaignerOf({ siblingLocks }: Cluster, { processes }: SimulatedPod): SimulatedProcess | undefined {
  return processes.filter((process) => process instanceof SimulatedProcess).find((it) => siblingLocks.isHeldBy(it));
}

/**
 * Whether no more was told to a Pod than that the Lease is gone, or nobody's, and that its last owner still exists: it
 * leaves it to that one, which may have given it up since, or lost it, and may never come back.
 */
function leavesIt(cluster: Cluster, pod: SimulatedPod): boolean {
  const { metadata, spec } = cluster.lease() ?? {};
  const names = String(spec?.['holderIdentity'] ?? '');
  if ((metadata?.ownerReferences ?? []).length > 0 || names !== '') return false;
  const campaigner = campaignerOf(cluster, pod);
  if (campaigner === undefined) return false;
  const { lastOwner } = campaigner.knowledge;
  if (lastOwner === null || lastOwner.released || lastOwner.uid === pod.uid) return false;
  const owner = cluster.livePods.find(({ uid }) => uid === lastOwner.uid);
  if (owner === undefined || (campaigner.succeedsStopped && owner.stopped)) return false;
  return !canLead(owner) || leavesItToAnother(cluster, owner);
}

/** Whether the process that campaigns never saw the term of its twin, and so leaves the Lease to the Pod before that. */
function leavesItToAnother(cluster: Cluster, pod: SimulatedPod): boolean {
  const lastOwner = campaignerOf(cluster, pod)?.knowledge.lastOwner ?? null;
  return pod.mirrored && lastOwner !== null && lastOwner.uid !== pod.uid;
}

function canLead(pod: SimulatedPod): boolean {
  if (pod.terminating || pod.finished || pod.nodeLost) return false;
  return pod.processes.some(
    // One whose Lease was deleted again and again, and which must not read Pods, takes its own for unknown.
    (process) => process.alive && !process.stopping && !(process instanceof SimulatedProcess && process.gaveUp),
  );
}
