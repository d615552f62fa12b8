/**
 * One simulation of one seed. First there are faults, and safety is checked after every event. Then the faults end, and
 * liveness is checked.
 */

import { LeaseElector } from '../../src/lease-elector.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import type { TimelineEvent } from '../../src/testing/index.ts';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { Checkers, type Violation } from './checkers.ts';
import { Cluster } from './cluster.ts';
import { injectFault } from './faults.ts';
import { CALM, LATEST_REQUEST_MS } from './network-conditions.ts';
import { describeParameters, drawParameters, type Fault, type SimulationParameters } from './parameters.ts';
import type { Program, SimulatedPod } from './simulated-pod.ts';
import { type ElectorFactory, SimulatedProcess } from './simulated-process.ts';
import { VirtualTime } from './virtual-time.ts';

/**
 * The time in milliseconds after the end of the faults and the arrival of the last late request, within which there
 * must be a leader if one is possible. During this time, watches and requests may still wait for lost messages.
 */
export const LIVENESS_BOUND_MS = 30_000;

/**
 * The same bound in milliseconds, if requests were refused. A request that has been refused for a long time is repeated
 * once a minute (DESIGN 4).
 */
export const REFUSED_LIVENESS_BOUND_MS = 60_000;

/**
 * The time in milliseconds from the deletion of the leader's Pod, with a grace period of 30 s, until the successor
 * leads.
 */
export const FAILOVER_BOUND_MS = 60_000;

/**
 * The time in milliseconds from the return of the API server until the successor leads, if the leader's Pod was deleted
 * during the outage. Each candidate sends a request at least every 2 s, and needs a few round trips.
 */
export const RETURN_BOUND_MS = 3_000;

const LONGEST_OUTAGE_MS = 15_000;
const CHECK_EVERY_MS = 5_000;

/** The result of a simulation. */
export interface SimulationResult {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly simulatedMs: number;
  readonly events: number;
  readonly requests: number;
  readonly terms: number;
  /** The measured times without a leader, in milliseconds. */
  readonly gaps: Gaps;
  /** How often each fault had an effect. */
  readonly faults: Partial<Readonly<Record<Fault, number>>>;
}

/** The times without a leader, in milliseconds. `null`: not measured. */
export interface Gaps {
  /** From the end of the faults. */
  readonly faultsMs: number | null;
  /** From the return of an API server that refused all connections, during which the leader's Pod was deleted. */
  readonly returnMs: number | null;
}

export interface SimulationOptions {
  readonly seed: number;
  /** Receives every line of the log. */
  readonly log?: (line: string) => void;
  /** Receives every event of the timeline. */
  readonly record?: (event: TimelineEvent) => void;
  /** @default the library's own elector */
  readonly makeElector?: ElectorFactory;
  /** Changes the drawn parameters. */
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
    injectFault(cluster, fault);
    // A fault without an effect writes no line and sets no timer.
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
  inject: (fault: Fault) => void,
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
    if (which !== undefined) inject(which);
    time.setTimer(-Math.log(1 - random.next()) * parameters.faultEveryMs, fault);
  };
  time.setTimer(5_000, controller);
  time.setTimer(random.next() * parameters.faultEveryMs, fault);
  await run(parameters.faultyForMs);
}

/** Creates one more Pod when there are too few, as a Deployment or StatefulSet does. */
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

/** Ends the faults. Lost nodes stay lost. */
function endFaults(cluster: Cluster): void {
  cluster.log(() => '--- the faults are over');
  cluster.record({ type: 'stepBegan', title: 'Calm' });
  cluster.calm = true;
  cluster.network.conditions = CALM;
  cluster.network.down = false;
  cluster.record({ type: 'outageEnded' });
  cluster.network.warmUp = { tokensAtMs: 0, rolesAtMs: 0 };
  cluster.network.malfunction = null;
  cluster.network.webhook = null;
  cluster.network.dropCapturedLists();
  cluster.freeLease();
  for (const pod of cluster.pods) cluster.siblingLocks.permit(pod);
  cluster.grant(ALL_PERMISSIONS);
  cluster.restoreCollector();
  // Such a Lease has no end. An administrator follows the warning of the elector and deletes it.
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
  const boundMs = mayRefuseRequests(cluster.parameters) ? REFUSED_LIVENESS_BOUND_MS : LIVENESS_BOUND_MS;
  await expectLeader(cluster, checkers, run, boundMs, 'the faults are over');
  gaps.faultsMs = checkers.awaitedMs;
  if (checkers.violation !== null) return gaps;

  cluster.time.setTimer(0, () => deleteHolder(cluster, checkers));
  // The kubelet needs time to receive the deletion.
  await run(CHECK_EVERY_MS);
  await expectLeader(cluster, checkers, run, FAILOVER_BOUND_MS - CHECK_EVERY_MS, 'the holder was deleted');
  if (checkers.violation !== null) return gaps;

  // A candidate that still waits for its back-off would be late for a reason other than the outage.
  await run(mayRefuseRequests(cluster.parameters) ? REFUSED_LIVENESS_BOUND_MS : CHECK_EVERY_MS);
  gaps.returnMs = await outage(cluster, checkers, run);
  return gaps;
}

/**
 * Stops the API server, and deletes the leader's Pod during the outage. Measures the time from the return until there
 * is a leader.
 */
async function outage(
  cluster: Cluster,
  checkers: Checkers,
  run: (forMs: number) => Promise<void>,
): Promise<number | null> {
  const leader = cluster.electors.find(({ leads }) => leads);
  // The library does not control what a foreign process does with a free Lease.
  const foreignProcesses = cluster.livePods.some(({ program }) => program !== 'elector');
  const able = cluster.livePods.filter((pod) => pod !== leader?.pod && canLead(pod));
  if (leader === undefined || foreignProcesses || able.length === 0 || checkers.violation !== null) return null;
  const awayMs = 1_000 + cluster.random.next() * LONGEST_OUTAGE_MS;
  cluster.time.setTimer(0, () => {
    cluster.log(() => `--- the API server stops, and Pod ${leader.pod.name} is deleted`);
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
    possibleSuccessors(cluster).some(({ observations }) => observations.lastOwner?.uid === leader.pod.uid)
  ) {
    checkers.violated(5, `nobody leads ${RETURN_BOUND_MS} ms after the return of the API server`);
  }
  return checkers.awaitedMs;
}

/**
 * The processes that may take over. A Pod does not count if a process of it has stopped campaigning, because its
 * siblings wait for the lock. A process that has not observed the last holder leaves a missing Lease to the previous
 * leader, as long as that Pod exists.
 */
function possibleSuccessors(cluster: Cluster): readonly SimulatedProcess[] {
  const gaveUp = new Set(cluster.electors.filter((process) => process.alive && process.gaveUp).map(({ pod }) => pod));
  return cluster.electors.filter(({ alive, pod }) => alive && canLead(pod) && !gaveUp.has(pod));
}

/** Whether these parameters may refuse a permitted request. It is then retried up to a minute later. */
function mayRefuseRequests({ permissions, faults, conditions }: SimulationParameters): boolean {
  return permissions !== ALL_PERMISSIONS || conditions.errorAnswer > 0 || faults.some((fault) => REFUSING.has(fault));
}

const REFUSING: ReadonlySet<Fault> = new Set<Fault>([
  'API server down',
  'API server restarted',
  'API server malfunctions',
  'permissions withdrawn',
  'webhook refuses',
]);

function deleteHolder(cluster: Cluster, checkers: Checkers): void {
  cluster.log(() => '--- the holder of the Lease is deleted');
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

/**
 * Checks invariant 5: a leader exists if one is possible, and no other process leads. Repeats the check until it holds
 * or the time is over.
 */
async function expectLeader(
  cluster: Cluster,
  checkers: Checkers,
  run: (forMs: number) => Promise<void>,
  withinMs: number,
  after: string,
): Promise<void> {
  for (let leftMs = withinMs; ; leftMs -= CHECK_EVERY_MS) {
    const violation = livenessViolation(cluster, checkers, after);
    if (violation === null || checkers.violation !== null) return;
    if (leftMs <= 0) return checkers.violated(...violation);
    await run(CHECK_EVERY_MS);
  }
}

/** The invariant that does not hold yet, and the reason. `null` when all hold. */
function livenessViolation(
  cluster: Cluster,
  checkers: Checkers,
  after: string,
): [invariant: 1 | 5, what: string] | null {
  // A sidecar whose Pod is gone or terminating may name itself for ever: its token is refused, so it reads no newer
  // Lease.
  const ghost = cluster.processes.find(
    ({ leads, pod }) =>
      leads && pod.uid !== checkers.holderUid && !(pod.program === 'sidecar' && (pod.gone || pod.terminating)),
  );
  if (ghost !== undefined)
    return [1, `${ghost.name} leads long after ${after}, although its Pod does not hold the Lease`];
  const holder = cluster.livePods.find(({ uid }) => uid === checkers.holderUid);
  const able = expectedLeaders(cluster, checkers, holder)
    .filter(canLead)
    .filter((pod) => !leavesLeaseToHolder(cluster, pod));
  if (able.length === 0) return null;
  // The library does not control whether a foreign process uses its Lease.
  if (cluster.isForeignProcessLease || cluster.processes.some(({ leads, pod }) => leads && able.includes(pod)))
    return null;
  const names = able.map(({ name }) => name).join(', ');
  return [5, `nobody leads long after ${after}, although ${names} could`];
}

/** The Pods of which one must lead now. Only electors of this library must take over. */
function expectedLeaders(cluster: Cluster, checkers: Checkers, holder: SimulatedPod | undefined): SimulatedPod[] {
  const electors = cluster.livePods.filter(({ program }) => program === 'elector');
  if (holder === undefined) return electors;
  if (!holder.stopped) return checkers.isHolderInformed(holder) ? [holder] : [];
  // Among siblings, the option of the campaigning process applies.
  return electors.filter((pod) => campaignerOf(cluster, pod)?.stoppedCountsAsGone === true);
}

/** The process of a Pod that holds the sibling lock, and so campaigns. */
function campaignerOf({ siblingLocks }: Cluster, { processes }: SimulatedPod): SimulatedProcess | undefined {
  return processes.filter((process) => process instanceof SimulatedProcess).find((it) => siblingLocks.isHeldBy(it));
}

/**
 * Whether a Pod leaves the Lease to its last owner. Its process has observed only that the Lease is missing or without
 * a holder, and that the last owner still exists. That owner may have released or lost the Lease since, and may never
 * return.
 */
function leavesLeaseToHolder(cluster: Cluster, pod: SimulatedPod): boolean {
  const { metadata, spec } = cluster.lease() ?? {};
  const names = String(spec?.['holderIdentity'] ?? '');
  if ((metadata?.ownerReferences ?? []).length > 0 || names !== '') return false;
  const campaigner = campaignerOf(cluster, pod);
  if (campaigner === undefined) return false;
  const { lastOwner } = campaigner.observations;
  if (lastOwner === null || lastOwner.released || lastOwner.uid === pod.uid) return false;
  const owner = cluster.livePods.find(({ uid }) => uid === lastOwner.uid);
  if (owner === undefined || (campaigner.stoppedCountsAsGone && owner.stopped)) return false;
  return !canLead(owner) || leavesLeaseToEarlierHolder(cluster, owner);
}

/**
 * Whether the campaigning process has not observed that its Pod held the Lease, and so leaves the Lease to an earlier
 * holder: its twin led, or a person gave the Lease to this Pod and deleted it.
 */
function leavesLeaseToEarlierHolder(cluster: Cluster, pod: SimulatedPod): boolean {
  const lastOwner = campaignerOf(cluster, pod)?.observations.lastOwner ?? null;
  return lastOwner !== null && lastOwner.uid !== pod.uid;
}

function canLead(pod: SimulatedPod): boolean {
  if (pod.terminating || pod.finished || pod.nodeLost) return false;
  return pod.processes.some(
    // A process without the permission to read Pods stops campaigning when its Lease was deleted several times.
    (process) => process.alive && !process.stopping && !(process instanceof SimulatedProcess && process.gaveUp),
  );
}
