/**
 * Measures the table of network faults of `docs/correctness.md`. A TCP proxy applies each fault to electors, and the
 * delay is compared with its bound. Many tests run at once, because most of their time is waiting.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { LeaseElectorOptions } from '../../src/index.ts';
import {
  DEFAULT_LEASE_DURATION_SECONDS,
  DEFAULT_RENEW_INTERVAL_MS,
  DEFAULT_REQUEST_TIMEOUT_MS,
} from '../../src/options.ts';
import { until } from '../worlds/until.ts';
import type { Cut, Delivery, NetworkProxy } from './network-proxy.ts';
import {
  assertWithin,
  behind,
  type Candidate,
  countRenewals,
  type Malfunction,
  type Measured,
  NetworkSetup,
  netMs,
  Replica,
  startMeasuring,
  timeUntil,
  type WatchTreatment,
} from './network-setup.ts';

/**
 * The bound until a candidate repeats a request after a refused connection or the return of a server, in milliseconds.
 */
const RETRY_BOUND_MS = 2_500;
/** The bound when one of two API servers malfunctions and new connections are balanced, in milliseconds. */
const SICK_BOUND_MS = 10_000;
/** The bound when a watch is silent while requests work, in milliseconds. */
const MUTE_BOUND_MS = 20_000;
/** A delay contains the latency of at most this many answers. */
const LATENCY_FACTOR = 6;
/** The longest tested outage, in milliseconds. */
const OUTAGE_MS = 12_000;
const OUTAGE_ROUNDS = 5;

/** At most this many tests run at once. More tests would measure the load of a machine with two cores. */
const TESTS_AT_ONCE = 12;

/** The default options. The electors of other tests have shorter intervals. */
const DEFAULTS: LeaseElectorOptions = {
  renewIntervalMs: DEFAULT_RENEW_INTERVAL_MS,
  leaseDurationSeconds: DEFAULT_LEASE_DURATION_SECONDS,
  requestTimeoutMs: DEFAULT_REQUEST_TIMEOUT_MS,
};
/** Options with a short time-out, so that a row about time-outs is short. */
const QUICK: LeaseElectorOptions = { ...DEFAULTS, requestTimeoutMs: 1_000 };
/** Options with frequent renewals as well, so that a row about renewals is short. */
const QUICK_RENEWALS: LeaseElectorOptions = { ...QUICK, renewIntervalMs: 200, leaseDurationSeconds: 1 };

/** One variant of a fault. */
interface Row {
  /** The row of the table in `docs/correctness.md`. */
  readonly fault: string;
  /** Its bound in that table. */
  readonly documented: string;
  readonly variant: string;
  /** The bound with the options of this row, in milliseconds. */
  readonly boundMs: number;
  /** Applies the fault, and returns the measured time. */
  readonly run: (t: TestContext) => Promise<Measured>;
}

/** A leader in `web-0` and a candidate in `web-1`, each with its own network. */
interface Couple {
  readonly setup: NetworkSetup;
  readonly leader: Candidate;
  readonly leaderProxy: NetworkProxy;
  readonly other: Candidate;
  readonly otherProxy: NetworkProxy;
}

async function couple(
  t: TestContext,
  options: LeaseElectorOptions,
  proxyOptions: { readonly endsTls?: boolean } = {},
  prepare: (proxy: NetworkProxy) => void = () => {},
): Promise<Couple> {
  const setup = await NetworkSetup.start(t);
  const [leaderProxy, otherProxy] = [await setup.proxy(proxyOptions), await setup.proxy(proxyOptions)];
  for (const proxy of [leaderProxy, otherProxy]) prepare(proxy);
  const leader = await setup.candidate('web-0', leaderProxy, options);
  const other = await setup.candidate('web-1', otherProxy, options);
  await setup.settle([leader, other]);
  assert.deepEqual([leader.elector.isLeader, other.elector.isLeader], [true, false]);
  return { setup, leader, leaderProxy, other, otherProxy };
}

function deletePod({ setup, leader }: Pick<Couple, 'setup' | 'leader'>): Promise<void> {
  return setup.cluster.delete('pod', leader.pod.name);
}

/** The longest of several measurements. */
function longest(all: readonly Measured[], boundMs: number): Measured {
  return all.reduce((longer, next) => (netMs(next, boundMs) > netMs(longer, boundMs) ? next : longer));
}

const aSuccessorLeads = 'a successor leads';

/** The network of a candidate fails and is restored. The leader's Pod is deleted in between. */
async function successionAfter(
  t: TestContext,
  {
    boundMs,
    faultMs,
    begin,
    end,
  }: { boundMs: number; faultMs: number } & Record<'begin' | 'end', (proxy: NetworkProxy) => void>,
): Promise<Measured> {
  const { setup, leader, other, otherProxy } = await couple(t, QUICK);
  begin(otherProxy);
  await deletePod({ setup, leader });
  await pause(faultMs);
  assert.equal(other.elector.isLeader, false, 'the candidate cannot lead yet');
  end(otherProxy);
  return timeUntil(aSuccessorLeads, boundMs, () => other.elector.isLeader);
}

// --- An API server that is down -------------------------------------------------------------------------------------

/**
 * The longest delay of several outages. Each outage is a little shorter than the one before, so that it ends at another
 * moment of the back-off.
 */
async function longestOutage(outage: (downMs: number) => Promise<Measured>): Promise<Measured> {
  const rounds = Array.from({ length: OUTAGE_ROUNDS }, (_, round) => outage(OUTAGE_MS - round * 617));
  return longest(await Promise.all(rounds), RETRY_BOUND_MS);
}

async function outageWithDeletion(t: TestContext, downMs: number): Promise<Measured> {
  const setup = await NetworkSetup.start(t);
  const proxy = await setup.proxy();
  const leader = await setup.candidate('web-0', proxy, DEFAULTS);
  const others = [await setup.candidate('web-1', proxy, DEFAULTS), await setup.candidate('web-2', proxy, DEFAULTS)];
  await setup.settle([leader, ...others]);
  await setup.cluster.embedded.stopServer();
  await deletePod({ setup, leader });
  await pause(downMs);
  await setup.cluster.embedded.restartServer();
  return timeUntil(aSuccessorLeads, RETRY_BOUND_MS, () => others.some(({ elector }) => elector.isLeader));
}

async function outageWithRestart(t: TestContext, downMs: number): Promise<Measured> {
  const { setup, leader } = await couple(t, DEFAULTS);
  await setup.cluster.embedded.stopServer();
  await leader.elector.stop();
  const { elector, started } = setup.restarted(leader, DEFAULTS);
  await pause(downMs);
  await setup.cluster.embedded.restartServer();
  const measured = await timeUntil('the next container leads', RETRY_BOUND_MS, () => elector.isLeader);
  await started;
  assert.equal(elector.term?.resumed, true);
  return measured;
}

const OUTAGES: readonly Row[] = [
  {
    fault: 'The API server is down and comes back',
    documented: '2.5 s after its return',
    variant: 'the leader’s Pod is deleted during the outage',
    boundMs: RETRY_BOUND_MS,
    run: (t) => longestOutage((downMs) => outageWithDeletion(t, downMs)),
  },
  {
    fault: 'The API server is down and comes back',
    documented: '2.5 s after its return',
    variant: 'the leader’s container restarts during the outage',
    boundMs: RETRY_BOUND_MS,
    run: (t) => longestOutage((downMs) => outageWithRestart(t, downMs)),
  },
  {
    fault: 'The API server is down and comes back',
    documented: '2.5 s after its return',
    variant: 'connections are reset as soon as they are opened',
    boundMs: RETRY_BOUND_MS,
    run: (t) =>
      successionAfter(t, {
        boundMs: RETRY_BOUND_MS,
        faultMs: 8_000,
        begin(proxy) {
          proxy.accepts = 'reset';
          proxy.cut('reset');
        },
        end: (proxy) => proxy.heal(),
      }),
  },
  {
    fault: 'Connections are accepted, but not answered for a while',
    documented: '`requestTimeoutMs` + 2.5 s after answers return',
    variant: 'the hanging connections are never answered',
    boundMs: 1_000 + RETRY_BOUND_MS,
    run: (t) =>
      successionAfter(t, {
        boundMs: 1_000 + RETRY_BOUND_MS,
        faultMs: 8_000,
        begin(proxy) {
          proxy.accepts = 'hang';
          proxy.cut('reset');
        },
        end: (proxy) => proxy.heal(),
      }),
  },
];

// --- One of two API servers malfunctions
// ---------------------------------------------------------------------------------------

async function sickReplica(
  t: TestContext,
  malfunction: Malfunction,
  watches: WatchTreatment,
  boundMs: number,
  options: LeaseElectorOptions,
): Promise<Measured> {
  const setup = await NetworkSetup.start(t);
  const replica = await Replica.start(t, setup.cluster);
  const balancer = await setup.proxy({ ports: [replica.port, setup.cluster.port] });
  // Each elector has a kept-alive connection to the server that malfunctions.
  balancer.choose = () => 0;
  const leader = await setup.candidate('web-0', balancer, options);
  const others = [await setup.candidate('web-1', balancer, options), await setup.candidate('web-2', balancer, options)];
  await setup.settle([leader, ...others]);
  balancer.choose = (connection) => connection % 2;
  replica.startMalfunction(malfunction, watches);
  await deletePod({ setup, leader });
  return timeUntil(aSuccessorLeads, boundMs, () => others.some(({ elector }) => elector.isLeader));
}

const SICK_REPLICAS: readonly Row[] = [
  ...([500, 503, 504] as const).map(
    (status): Row => ({
      fault: 'One API server of two is sick, behind a balancer of connections',
      documented: '10 s',
      variant: `it answers ${status}, and its watches end`,
      boundMs: SICK_BOUND_MS,
      run: (t) => sickReplica(t, status, 'end', SICK_BOUND_MS, DEFAULTS),
    }),
  ),
  {
    fault: 'One API server of two is sick, behind a balancer of connections',
    documented: '10 s',
    variant: 'it answers 401, and its open watches stay alive',
    boundMs: SICK_BOUND_MS,
    run: (t) => sickReplica(t, 401, 'live', SICK_BOUND_MS, DEFAULTS),
  },
  {
    fault: 'One API server of two answers no request, but its watches stay alive',
    documented: '`requestTimeoutMs` + 10 s',
    variant: 'its open watches stay alive',
    boundMs: 1_000 + SICK_BOUND_MS,
    run: (t) => sickReplica(t, 'hangs', 'live', 1_000 + SICK_BOUND_MS, QUICK),
  },
  {
    fault: 'One API server of two answers no request, and its watches are silent',
    documented: '`requestTimeoutMs` + 20 s',
    variant: 'its open watches deliver no events',
    boundMs: 1_000 + MUTE_BOUND_MS,
    run: (t) => sickReplica(t, 'hangs', 'mute', 1_000 + MUTE_BOUND_MS, QUICK),
  },
];

// --- Watches without events ----------------------------------------------------------------------------------------

async function muteWatches(t: TestContext, watches: (version: number) => Delivery): Promise<Measured> {
  const { setup, leader, other, otherProxy } = await couple(t, DEFAULTS, { endsTls: true });
  otherProxy.watches = watches(Number(setup.cluster.lease()?.metadata.resourceVersion));
  await deletePod({ setup, leader });
  return timeUntil(aSuccessorLeads, MUTE_BOUND_MS, () => other.elector.isLeader);
}

/** The collector is held back, so that only the watch of the Pod can deliver the event. */
async function muteWatchOfThePod(t: TestContext): Promise<Measured> {
  const { setup, leader, other, otherProxy } = await couple(t, DEFAULTS, { endsTls: true });
  const release = setup.cluster.server.holdGarbageCollector();
  t.after(release);
  otherProxy.watchFilter = (path) => path.includes('/pods');
  otherProxy.watches = { type: 'silent' };
  await deletePod({ setup, leader });
  return timeUntil(aSuccessorLeads, MUTE_BOUND_MS, () => other.elector.isLeader);
}

async function muteWatchesOfTheLeader(t: TestContext, boundMs: number): Promise<Measured> {
  const { setup, leader, leaderProxy } = await couple(t, QUICK_RENEWALS, { endsTls: true });
  leaderProxy.watches = { type: 'silent' };
  await deletePod({ setup, leader });
  return timeUntil('the leader is demoted', boundMs, () => !leader.elector.isLeader);
}

const MUTE_WATCHES: readonly Row[] = [
  ...(
    [
      ['they are silent', () => ({ type: 'silent' })],
      ['they trickle, a byte every 100 ms', () => ({ type: 'trickle' })],
      ['only old bookmarks arrive', () => ({ type: 'bookmarks', resourceVersion: '1' })],
      [
        'only bookmarks with a future version arrive',
        (version) => ({ type: 'bookmarks', resourceVersion: String(version + 1_000_000) }),
      ],
    ] satisfies [string, (version: number) => Delivery][]
  ).map(
    ([variant, watches]): Row => ({
      fault: 'The watches of a candidate are silent, while requests work',
      documented: '20 s',
      variant,
      boundMs: MUTE_BOUND_MS,
      run: (t) => muteWatches(t, watches as (version: number) => Delivery),
    }),
  ),
  {
    fault: 'The watches of a candidate are silent, while requests work',
    documented: '20 s',
    variant: 'the watch of the leader’s Pod alone, and the garbage collector is late',
    boundMs: MUTE_BOUND_MS,
    run: muteWatchOfThePod,
  },
  {
    fault: 'The watches of the leader are silent, and its Pod is deleted',
    documented: '`renewIntervalMs` + 2.5 s until it stops leading',
    variant: 'they are silent',
    boundMs: 200 + RETRY_BOUND_MS,
    run: (t) => muteWatchesOfTheLeader(t, 200 + RETRY_BOUND_MS),
  },
];

// --- Latency
// ----------------------------------------------------------------------------------------------------------

const LATENCY_SHARES = [0.6, 0.9];
/** Options with a longer time-out, so that a pause of the machine does not cause a time-out. */
const PATIENT: LeaseElectorOptions = { ...DEFAULTS, requestTimeoutMs: 2_000 };

function slow(t: TestContext, latencyMs: number): Promise<Couple> {
  return couple(t, PATIENT, {}, (proxy) => {
    proxy.latencyMs = latencyMs / 2;
  });
}

async function firstElectionWith(t: TestContext, latencyMs: number): Promise<Measured> {
  const setup = await NetworkSetup.start(t);
  const proxy = await setup.proxy();
  proxy.latencyMs = latencyMs / 2;
  const pod = behind(setup.cluster.addPod('web-0'), proxy);
  const { elector, started } = setup.restarted({ pod }, PATIENT);
  const measured = await timeUntil('somebody leads', LATENCY_FACTOR * latencyMs, () => elector.isLeader);
  await started;
  return measured;
}

async function successionWith(t: TestContext, latencyMs: number): Promise<Measured> {
  const { setup, leader, other } = await slow(t, latencyMs);
  await deletePod({ setup, leader });
  return timeUntil(aSuccessorLeads, LATENCY_FACTOR * latencyMs, () => other.elector.isLeader);
}

async function resumptionWith(t: TestContext, latencyMs: number): Promise<Measured> {
  const { setup, leader } = await slow(t, latencyMs);
  await leader.elector.stop();
  const { elector, started } = setup.restarted(leader, PATIENT);
  const measured = await timeUntil('the next container leads', LATENCY_FACTOR * latencyMs, () => elector.isLeader);
  await started;
  return measured;
}

async function confirmationWith(t: TestContext, latencyMs: number): Promise<Measured> {
  const { leader } = await slow(t, latencyMs);
  const measure = startMeasuring();
  await leader.elector.confirm();
  return measure();
}

async function handOverWith(t: TestContext, latencyMs: number): Promise<Measured> {
  const { leader, other } = await slow(t, latencyMs);
  const stopped = leader.elector.stop({ release: true });
  const measured = await timeUntil(aSuccessorLeads, LATENCY_FACTOR * latencyMs, () => other.elector.isLeader);
  await stopped;
  return measured;
}

const LATENCIES: readonly Row[] = LATENCY_SHARES.flatMap((share) =>
  Object.entries({
    'a first leader': firstElectionWith,
    'a successor': successionWith,
    'the leader’s next container': resumptionWith,
    '`confirm()`': confirmationWith,
    'a hand-over': handOverWith,
  }).map(
    ([what, run]): Row => ({
      fault: 'A constant latency below `requestTimeoutMs`',
      documented: '6 × latency',
      variant: `${what}, at ${share} of requestTimeoutMs`,
      boundMs: Math.round(LATENCY_FACTOR * share * 2_000),
      run: (t) => run(t, share * 2_000),
    }),
  ),
);

// --- Connections that end
// ---------------------------------------------------------------------------------------------

const IDLE_MARGIN_MS = 150;

async function electionAndHandOver(
  t: TestContext,
  options: LeaseElectorOptions,
  proxyOptions: { readonly endsTls?: boolean },
  prepare: (proxy: NetworkProxy) => void,
): Promise<Measured> {
  const setup = await NetworkSetup.start(t);
  const proxy = await setup.proxy(proxyOptions);
  prepare(proxy);
  const measure = startMeasuring();
  const leader = await setup.candidate('web-0', proxy, options);
  const elected = measure();
  const other = await setup.candidate('web-1', proxy, options);
  const renewals = countRenewals(other.elector);
  await until('the leader renews', () => renewals.count >= 3);
  assert.equal(leader.elector.isLeader, true);
  await leader.elector.confirm();
  // Long enough that the first request of the release uses a closed connection, but before the next renewal.
  if (proxy.idle !== null) await pause(proxy.idle.afterMs + IDLE_MARGIN_MS);
  const stopped = leader.elector.stop({ release: true });
  const handedOver = await timeUntil(aSuccessorLeads, RETRY_BOUND_MS, () => other.elector.isLeader);
  await stopped;
  return longest([elected, handedOver], RETRY_BOUND_MS);
}

async function cutConnections(t: TestContext, how: Cut): Promise<Measured> {
  const { setup, leader, other, otherProxy } = await couple(t, QUICK);
  otherProxy.cut(how);
  await deletePod({ setup, leader });
  return timeUntil(aSuccessorLeads, RETRY_BOUND_MS, () => other.elector.isLeader);
}

/** The only effect on the leader is that its next request takes a little longer. */
async function cutConnectionsOfTheLeader(t: TestContext, how: Cut): Promise<Measured> {
  const { leader, leaderProxy, other } = await couple(t, QUICK_RENEWALS);
  const renewals = countRenewals(other.elector);
  await until('it has renewed', () => renewals.count > 0);
  leaderProxy.cut(how);
  const before = renewals.count;
  const measured = await timeUntil('it renews again', 200 + RETRY_BOUND_MS, () => renewals.count > before + 1);
  assert.equal(leader.elector.isLeader, true);
  return measured;
}

const ENDING_CONNECTIONS: readonly Row[] = [
  ...(['end', 'reset'] as const).map(
    (how): Row => ({
      fault: 'A server that closes the connection after each answer',
      documented: '2.5 s for an election, and for a hand-over',
      variant: how === 'end' ? 'with FIN' : 'with RST, when the next request arrives',
      boundMs: RETRY_BOUND_MS,
      run: (t) =>
        electionAndHandOver(t, QUICK_RENEWALS, { endsTls: true }, (proxy) => {
          proxy.afterAnswer = how;
        }),
    }),
  ),
  ...(['reset', 'forget'] as const).map(
    (then): Row => ({
      fault: 'A balancer that resets idle connections',
      documented: '2.5 s for an election, and for a hand-over',
      variant: then === 'reset' ? 'at once' : 'when the next bytes arrive',
      boundMs: RETRY_BOUND_MS,
      run: (t) =>
        electionAndHandOver(t, { ...QUICK, renewIntervalMs: 1_000 }, { endsTls: true }, (proxy) => {
          proxy.idle = { afterMs: 500, then };
        }),
    }),
  ),
  ...(['end', 'reset'] as const).flatMap((how): Row[] => [
    {
      fault: 'All connections of a process are cut',
      documented: "2.5 s until a successor leads; the leader's next renewal is in time",
      variant: `with ${how === 'end' ? 'FIN' : 'RST'}, those of a candidate`,
      boundMs: RETRY_BOUND_MS,
      run: (t) => cutConnections(t, how),
    },
    {
      fault: 'All connections of a process are cut',
      documented: "2.5 s until a successor leads; the leader's next renewal is in time",
      variant: `with ${how === 'end' ? 'FIN' : 'RST'}, those of the leader`,
      boundMs: 200 + RETRY_BOUND_MS,
      run: (t) => cutConnectionsOfTheLeader(t, how),
    },
  ]),
];

// --- A network that carries nothing
// -----------------------------------------------------------------------------------

/** How long no byte passes, in milliseconds. */
const CUT_OFF_MS = 6_000;

/**
 * The leader is cut off in one of several ways, and then reconnected. It leads all the time, and no other elector
 * leads.
 */
async function leaderCutOff(
  t: TestContext,
  boundMs: number,
  begin: (proxy: NetworkProxy) => void,
  end: (proxy: NetworkProxy) => void,
): Promise<Measured> {
  const { setup, leader, leaderProxy, other } = await couple(t, QUICK_RENEWALS);
  let led = 0;
  leader.elector.on('demoted', () => assert.fail('the leader was demoted'));
  other.elector.on('elected', () => {
    led += 1;
  });
  begin(leaderProxy);
  await pause(CUT_OFF_MS);
  const { unverifiedForMs } = leader.elector;
  assert.ok(
    unverifiedForMs > CUT_OFF_MS - 1_000,
    `unverifiedForMs counts the time without confirmation: ${unverifiedForMs}`,
  );
  assert.deepEqual([leader.elector.isLeader, other.elector.isLeader, led], [true, false, 0]);
  const renewals = countRenewals(other.elector);
  end(leaderProxy);
  const measured = await timeUntil('it renews again', boundMs, () => renewals.count > 0);
  assert.deepEqual([leader.elector.isLeader, led, setup.cluster.ownerUid()], [true, 0, leader.pod.uid]);
  return measured;
}

async function halfOpenLeader(t: TestContext, boundMs: number): Promise<Measured> {
  const { leader, leaderProxy, other } = await couple(t, QUICK_RENEWALS);
  const renewals = countRenewals(other.elector);
  await until('it has renewed', () => renewals.count > 0);
  leaderProxy.forget();
  const before = renewals.count;
  const measured = await timeUntil('it renews again', boundMs, () => renewals.count > before);
  assert.equal(leader.elector.isLeader, true);
  return measured;
}

async function halfOpenCandidate(t: TestContext, boundMs: number): Promise<Measured> {
  const { setup, leader, other, otherProxy } = await couple(t, QUICK);
  otherProxy.forget();
  await deletePod({ setup, leader });
  return timeUntil(aSuccessorLeads, boundMs, () => other.elector.isLeader);
}

const CUT_OFF_BOUND_MS = 200 + 1_000 + RETRY_BOUND_MS;

const CUT_OFF: readonly Row[] = [
  {
    fault: 'The network of the leader is cut, and comes back',
    documented: 'it renews `renewIntervalMs` + `requestTimeoutMs` + 2.5 s after the return; no other Pod leads',
    variant: 'no packet passes',
    boundMs: CUT_OFF_BOUND_MS,
    run: (t) =>
      leaderCutOff(
        t,
        CUT_OFF_BOUND_MS,
        (proxy) => {
          proxy.interrupted = true;
        },
        (proxy) => proxy.heal(),
      ),
  },
  {
    fault: 'The network of the leader is cut, and comes back',
    documented: 'it renews `renewIntervalMs` + `requestTimeoutMs` + 2.5 s after the return; no other Pod leads',
    variant: 'answers trickle, a byte every 100 ms',
    boundMs: CUT_OFF_BOUND_MS,
    run: (t) =>
      leaderCutOff(
        t,
        CUT_OFF_BOUND_MS,
        (proxy) => {
          proxy.delivery = { type: 'trickle' };
        },
        (proxy) => proxy.heal(),
      ),
  },
  {
    fault: 'The network of a candidate is cut, and comes back',
    documented: '`requestTimeoutMs` + 2.5 s after the return',
    variant: 'no packet passes',
    boundMs: 1_000 + RETRY_BOUND_MS,
    run: (t) =>
      successionAfter(t, {
        boundMs: 1_000 + RETRY_BOUND_MS,
        faultMs: CUT_OFF_MS,
        begin(proxy) {
          proxy.interrupted = true;
        },
        end: (proxy) => proxy.heal(),
      }),
  },
  {
    fault: 'Half-open connections of the leader',
    documented: '`renewIntervalMs` + `requestTimeoutMs` + 2.5 s until it renews',
    variant: 'they carry nothing for ever',
    boundMs: CUT_OFF_BOUND_MS,
    run: (t) => halfOpenLeader(t, CUT_OFF_BOUND_MS),
  },
  {
    fault: 'Half-open connections of a candidate',
    documented: '`requestTimeoutMs` + 20 s',
    variant: 'they carry nothing for ever',
    boundMs: 1_000 + MUTE_BOUND_MS,
    run: (t) => halfOpenCandidate(t, 1_000 + MUTE_BOUND_MS),
  },
];

/** A measurement that the machine disturbed is repeated at most this often. */
const RERUNS = 2;

/** Whether the process was suspended for too long. Even a short suspension can make a request miss its time-out. */
function isDisturbed(measured: Measured, boundMs: number): boolean {
  return netMs(measured, boundMs) > boundMs && measured.stalledMs > boundMs / 10;
}

/** The rows with the longest waits are first. */
const ROWS = [OUTAGES, MUTE_WATCHES, CUT_OFF, SICK_REPLICAS, LATENCIES, ENDING_CONNECTIONS].flat();

describe('network faults', { concurrency: TESTS_AT_ONCE }, () => {
  for (const { fault, variant, boundMs, run } of ROWS) {
    test(`${fault}: ${variant}`, async (t) => {
      let measured = await run(t);
      for (let rerun = 0; rerun < RERUNS && isDisturbed(measured, boundMs); rerun += 1) {
        t.diagnostic(`measured again, because this process was suspended for ${Math.round(measured.stalledMs)} ms`);
        measured = await run(t);
      }
      assertWithin(t, `${fault}, ${variant}`, measured, boundMs);
    });
  }
});

test('docs/correctness.md lists every network fault with its bound', () => {
  const text = readFileSync(new URL('../../docs/correctness.md', import.meta.url), 'utf8');
  const section = text.split('## Network faults and their bounds')[1]?.split('\n## ')[0] ?? '';
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| ') && line.includes('`network-faults.test.ts`'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, fault, , bound]) => `${fault}: ${bound}`);
  assert.deepEqual(new Set(rows), new Set(ROWS.map(({ fault, documented }) => `${fault}: ${documented}`)));
});
