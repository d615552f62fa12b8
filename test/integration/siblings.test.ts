/**
 * One candidate per Pod: workers of node:cluster, a second container, or a script beside the application. They are real
 * processes that share the identity and the network namespace of their Pod.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import cluster from 'node:cluster';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { siblingLock } from '../../src/joining/sibling-lock.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { freePort } from '../worlds/free-port.ts';
import { until } from '../worlds/until.ts';
import { CandidateProcess, type Launcher, tokenOf } from './candidate-process.ts';
import { journalOf, NAMESPACE, TestCluster, type TestPod } from './cluster.ts';

const ROUNDS = 10;
/**
 * The longest take-over, in milliseconds: far below every interval of reads and renewals, and far above the delays of a
 * busy machine.
 */
const TAKE_OVER_BOUND_MS = 5_000;

/** The number of requests, each on a new connection, so that each could reach another worker. */
const REQUESTS = 12;

const ON_LINUX = { skip: process.platform === 'linux' ? false : 'abstract sockets exist only on Linux' };

/** A worker of this process. */
const asWorker: Launcher = (program, argument, env) => {
  cluster.setupPrimary({ exec: program, args: [argument], execArgv: [], silent: true });
  return cluster.fork(env).process;
};

/** The name that the endpoint returns on a new connection: `undefined` for `{}`, `null` without a listener. */
async function nameAt(port: number): Promise<string | undefined | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
    return ((await answer.json()) as { readonly name?: string }).name;
  } catch {
    return null;
  }
}

/** Waits until a process listens there. */
async function answered(port: number): Promise<void> {
  let isAnswered = false;
  const poll = setInterval(() => void nameAt(port).then((name) => (isAnswered ||= name !== null)), 50);
  await until('the port is answered', () => isAnswered);
  clearInterval(poll);
}

/** The only process that leads. The others must be siblings that have never led. */
async function onlyLeader(processes: readonly CandidateProcess[]): Promise<CandidateProcess> {
  await Promise.all(processes.map((process) => process.report('started')));
  const leaders = processes.filter((process) => process.leads);
  assert.equal(leaders.length, 1, 'one of them leads');
  for (const process of processes) {
    if (process.leads) continue;
    process.send('state');
    assert.equal((await process.report('state')).detail, 'sibling');
    assert.equal(process.all('elected').length, 0);
  }
  return leaders[0] as CandidateProcess;
}

test('one process of a Pod leads, and the other Pod waits, when a Pod runs three processes', ON_LINUX, async (t) => {
  const inCluster = await TestCluster.start(t);
  const pod = inCluster.addPod('web-0');
  const processes = [1, 2, 3].map(() => new CandidateProcess(t, pod));
  const leader = await onlyLeader(processes);
  const other = new CandidateProcess(t, inCluster.addPod('web-1'));
  assert.equal((await other.report('started')).detail, 'candidate');

  await leader.kill();
  const siblings = processes.filter((process) => process !== leader);
  await until('a sibling takes over', () => siblings.some((process) => process.leads));
  await onlyLeader(siblings.filter((process) => process.leads));
  assert.equal(siblings.filter((process) => process.leads).length, 1);
  assert.equal(other.all('elected').length, 0);
});

test('another worker of node:cluster takes over when the leading worker is killed', ON_LINUX, async (t) => {
  const inCluster = await TestCluster.start(t);
  const pod = inCluster.addPod('web-0');
  const workers = [1, 2, 3].map(() => new CandidateProcess(t, pod, {}, asWorker));
  const leader = await onlyLeader(workers);
  const before = await leader.report('elected');
  await leader.kill();
  const siblings = workers.filter((worker) => worker !== leader);
  await until('a sibling takes over', () => siblings.some((worker) => worker.leads));
  const successor = siblings.find((worker) => worker.leads) as CandidateProcess;
  const after = await successor.report('elected');
  assert.deepEqual([after.resumed, after.detail], [true, before.detail], 'the same Lease');
  assert.ok(tokenOf(after) > tokenOf(before));
  assert.equal(siblings.filter((worker) => worker.leads).length, 1);
});

test('the worker of node:cluster that has the port names the leader when another worker leads', ON_LINUX, async (t) => {
  const inCluster = await TestCluster.start(t);
  const pod = inCluster.addPod('web-0');
  const port = await freePort();
  const options = { endpoint: { port }, exportEnv: true };
  const workers = [1, 2, 3].map(() => new CandidateProcess(t, pod, options, asWorker));
  await onlyLeader(workers);
  // Kills one worker after the other. The remaining workers must answer for the Pod.
  for (let left = workers; left.length > 0; left = left.filter((worker) => worker.outcome === null)) {
    await until('one of them leads', () => left.filter((worker) => worker.leads).length === 1);
    await answered(port);
    for (let count = 0; count < REQUESTS; count += 1) assert.equal(await nameAt(port), 'web-0');
    await (left[0] as CandidateProcess).kill();
  }
  for (const worker of workers) assert.deepEqual(worker.all('warning'), [], 'no worker warns of its port');
});

test('a sibling takes over when the kernel frees the socket, not at an interval', ON_LINUX, async (t) => {
  const inCluster = await TestCluster.start(t);
  const pod = inCluster.addPod('web-0');
  let leader = new CandidateProcess(t, pod);
  await leader.report('elected');
  const tookMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const sibling = new CandidateProcess(t, pod);
    assert.equal((await sibling.report('started')).detail, 'sibling');
    const killedAtMs = systemClock.nowMs();
    leader.signal('SIGKILL');
    const { resumed, atMs = Number.POSITIVE_INFINITY } = await sibling.report('elected');
    assert.equal(resumed, true);
    tookMs.push(atMs - killedAtMs);
    leader = sibling;
  }
  tookMs.sort((left, right) => left - right);
  const median = tookMs[ROUNDS / 2] as number;
  const longest = tookMs.at(-1) as number;
  t.diagnostic(`from SIGKILL to elected: median ${median.toFixed(1)} ms, longest ${longest.toFixed(1)} ms`);
  // The speed on a free machine is measured by a benchmark.
  assert.ok(longest < TAKE_OVER_BOUND_MS, `longest ${longest} ms`);
});

test('an elector warns once and leads when abstract sockets do not exist', async (t) => {
  const inCluster = await TestCluster.start(t);
  const pod = inCluster.addPod('web-0');
  const elector = inCluster.elector(pod, {}, { siblingLock: () => lockOf(pod, 'darwin') });
  const journal = journalOf(elector);
  await elector.start();
  assert.deepEqual(journal, ['warning: sibling-lock-unsupported', 'elected', 'leader: web-0']);
});

test('a process in another network namespace does not notice the sibling lock', ON_LINUX, async (t) => {
  if (spawnSync('unshare', ['--map-root-user', '--net', 'true']).status !== 0)
    return t.skip('unshare is not permitted');
  const podUid = crypto.randomUUID();
  const first = siblingLock({ podUid, namespace: 'shop', lease: 'web', clock: systemClock, random: systemRandom });
  t.after(() => first.free());
  await new Promise((resolve) => first.claim(resolve));
  assert.equal(await outcomeIn(t, podUid, []), 'taken');
  assert.equal(await outcomeIn(t, podUid, ['unshare', '--map-root-user', '--net']), 'held');
});

function lockOf({ uid }: TestPod, platform: NodeJS.Platform): ReturnType<typeof siblingLock> {
  const names = { podUid: uid, namespace: NAMESPACE, lease: 'web' };
  return siblingLock({ ...names, clock: systemClock, random: systemRandom, platform });
}

/** The outcome of a claim of the lock by a process that runs in this wrapper. */
async function outcomeIn(t: TestContext, podUid: string, wrapper: readonly string[]): Promise<string> {
  const holder = fileURLToPath(new URL('../joining/sibling-lock-holder.ts', import.meta.url));
  const [command = '', ...args] = [...wrapper, process.execPath, holder, podUid];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) return line;
  return 'nothing';
}
