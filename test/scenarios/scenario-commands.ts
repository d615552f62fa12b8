/**
 * The commands of the scenarios: how each is written, and what it does to the cluster or to a process.
 */

import { formatMicroTime } from '../../src/kube/lease-mapping.ts';
import { PODS } from '../../src/testing/index.ts';
import { endedStatus, type PodEnd } from '../../src/testing/kinds/pod-status.ts';
import { formatTime } from '../../src/testing/objects/go-time.ts';
import { LEASE, NAMESPACE, type ScenarioCluster, type ScenarioPod } from './scenario-cluster.ts';
import type { Command } from './scenario-file.ts';
import type { NetworkFault } from './scenario-network.ts';

type Action = (cluster: ScenarioCluster, words: readonly string[]) => unknown;

/** The usage of each command, with optional words in brackets, and its action. */
const COMMANDS: readonly (readonly [usage: string, action: Action])[] = [
  // Pods and processes
  ['add-pod <pod> [<name>]', addPod],
  ['create-pod <pod> [<name>]', (cluster, [pod = '', name = pod]) => cluster.createPod(pod, name)],
  ['start <process>', (cluster, [label = '']) => cluster.startProcess(label)],
  ['crash <process>', (cluster, [label = '']) => cluster.process(label).kill()],
  ['exit <process>', (cluster, [label = '']) => cluster.process(label).kill()],
  ['hang <process>', (cluster, [label = '']) => cluster.process(label).hang()],
  ['wake <process>', (cluster, [label = '']) => cluster.process(label).wake()],
  ['sigterm <process>', (cluster, [label = '']) => cluster.process(label).signal()],
  ['delete-pod <pod>', (cluster, [pod = '']) => deletePod(cluster, cluster.pod(pod), {})],
  ['force-delete-pod <pod>', (cluster, [pod = '']) => deletePod(cluster, cluster.pod(pod), { gracePeriodSeconds: 0 })],
  ['end-pod <pod>', (cluster, [pod = '']) => cluster.endPod(pod)],
  ['pod-not-ready <pod>', podNotReady],
  ['crash-loop <pod>', crashLoop],
  ['fail-pod <pod> [<reason>]', (cluster, [pod = '', reason]) => stopPod(cluster, pod, 'Failed', reason)],
  ['finish-pod <pod>', (cluster, [pod = '']) => stopPod(cluster, pod, 'Succeeded')],
  ['mark-failed <pod>', (cluster, [pod = '']) => writePodStatus(cluster, pod, { phase: 'Failed' })],
  // The elector
  [
    'stop <process> [release]',
    (cluster, [label = '', release]) => void cluster.process(label).elector.stop({ release: release === 'release' }),
  ],
  ['succession <policy>', (cluster, [policy = '']) => cluster.useSuccession(policy)],
  ['explain <process>', (cluster, [label = '']) => cluster.process(label).explain()],
  ['step-down <process>', (cluster, [label = '']) => cluster.process(label).stepDown()],
  ['busy <process>', (cluster, [label = '']) => cluster.process(label).beBusy()],
  ['finish-work <process>', (cluster, [label = '']) => cluster.process(label).finishWork()],
  // The network
  ['hold <process> <verb>', (cluster, words) => injectFault(cluster, words, 'hold')],
  ['lose-request <process> <verb>', (cluster, words) => injectFault(cluster, words, 'lose-request')],
  ['lose-answer <process> <verb>', (cluster, words) => injectFault(cluster, words, 'lose-answer')],
  ['deliver <process>', (cluster, [label = '']) => cluster.process(label).network.deliver()],
  ['cut-off <process>', (cluster, [label = '']) => cluster.process(label).network.cutOff()],
  ['reconnect <process>', (cluster, [label = '']) => cluster.process(label).network.reconnect()],
  ['refuse-token <process>', (cluster, [label = '']) => cluster.process(label).network.useToken('refused')],
  ['accept-token <process>', acceptToken],
  // The cluster, and people with kubectl
  ['forbid <resource> <verb>', (cluster, words) => permit(cluster, words, false)],
  ['allow <resource> <verb>', (cluster, words) => permit(cluster, words, true)],
  ['without-sockets', (cluster) => cluster.disableSockets()],
  ['compact-history', (cluster) => cluster.server.compactHistory()],
  ['collect-garbage [<lease>]', collectGarbage],
  ['delete-lease', (cluster) => cluster.administer({ verb: 'delete' })],
  ['create-lease <holder> [<seconds>]', createLease],
  ['annotate-lease', (cluster) => editLease(cluster, { annotations: { note: 'hello' } }, {})],
  ['renew-lease', (cluster) => editLease(cluster, {}, { renewTime: formatMicroTime(cluster.clock.wallMs()) })],
  ['give-lease <pod>', (cluster, [pod = '']) => giveLease(cluster, cluster.pod(pod))],
  ['show <what>', show],
  ['tick <time>', (cluster, [time = '']) => cluster.pass(durationMs(time))],
];

/** Runs a command of a story. @throws {Error} with file and line when the command fails */
export async function runCommand(cluster: ScenarioCluster, command: Command): Promise<void> {
  const found = COMMANDS.find(([usage]) => usage.split(' ')[0] === command.name);
  if (found === undefined) throw new Error(`${command.at}: there is no command ${command.name}`);
  const [usage, action] = found;
  const places = usage.split(' ').slice(1);
  const needed = places.filter((place) => place.startsWith('<')).length;
  if (command.words.length < needed || command.words.length > places.length) {
    throw new Error(`${command.at}: the usage is: ${usage}`);
  }
  try {
    await action(cluster, command.words);
    await cluster.settle();
  } catch (error) {
    throw new Error(`${command.at}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

function durationMs(time: string): number {
  const [, digits, unit] = /^(\d+)(ms|s|m)$/.exec(time) ?? [];
  if (digits === undefined) throw new Error(`${time} is not a time such as 50ms, 10s or 2m`);
  return Number(digits) * (UNITS[unit ?? ''] ?? 1);
}

const VERBS: readonly string[] = ['GET', 'LIST', 'WATCH', 'POST', 'PUT', 'DELETE'];

function injectFault(cluster: ScenarioCluster, [label = '', verb = '']: readonly string[], fault: NetworkFault): void {
  if (!VERBS.includes(verb)) throw new Error(`${verb} is not one of ${VERBS.join(', ')}`);
  if (verb === 'WATCH' && fault !== 'hold') throw new Error('the events of a watch can be held, but not lost');
  cluster.faultsOf(label).set(verb, fault);
}

function acceptToken(cluster: ScenarioCluster, [label = '']: readonly string[]): void {
  const { network, pod } = cluster.process(label);
  network.useToken(pod.token);
}

function permit(cluster: ScenarioCluster, [resource = '', verb = '']: readonly string[], allowed: boolean): void {
  if (resource !== 'leases' && resource !== 'pods') throw new Error(`${resource} is neither leases nor pods`);
  const verbs = cluster.permissions[resource];
  if (allowed === verbs.has(verb))
    throw new Error(`${verb} on ${resource} is already ${allowed ? 'allowed' : 'forbidden'}`);
  if (allowed) verbs.add(verb);
  else verbs.delete(verb);
  cluster.grant();
}

function addPod(cluster: ScenarioCluster, [pod = '', name = pod]: readonly string[]): void {
  cluster.createPod(pod, name);
  cluster.startProcess(pod);
}

function deletePod(cluster: ScenarioCluster, { name }: ScenarioPod, options: object): Promise<unknown> {
  const body = { kind: 'DeleteOptions', apiVersion: 'v1', ...options };
  return cluster.administer({ verb: 'delete', apiGroup: '', resource: 'pods', name, body });
}

/** The status that the control plane writes when the node of a Pod is unreachable. */
function podNotReady(cluster: ScenarioCluster, [pod = '']: readonly string[]): Promise<void> {
  return writePodStatus(cluster, pod, {
    conditions: [
      { type: 'ContainersReady', status: 'True' },
      { type: 'Ready', status: 'False', reason: 'NodeNotReady' },
    ],
  });
}

/** The status that the kubelet writes when a container has crashed several times and its next start is delayed. */
function crashLoop(cluster: ScenarioCluster, [pod = '']: readonly string[]): Promise<void> {
  cluster.killProcesses(cluster.pod(pod));
  const lastTransitionTime = formatTime(cluster.clock.wallMs());
  const unready = { status: 'False', reason: 'ContainersNotReady', lastTransitionTime };
  return writePodStatus(cluster, pod, {
    conditions: [
      { type: 'ContainersReady', ...unready },
      { type: 'Ready', ...unready },
    ],
    containerStatuses: [
      {
        name: 'app',
        ready: false,
        restartCount: 5,
        image: 'app',
        imageID: '',
        state: { waiting: { reason: 'CrashLoopBackOff' } },
      },
    ],
  });
}

/** The status that the kubelet writes when the containers have ended and are not started again. */
function stopPod(cluster: ScenarioCluster, name: string, phase: PodEnd['phase'], reason?: string): Promise<void> {
  const pod = cluster.pod(name);
  cluster.killProcesses(pod);
  const object = cluster.server.store.get(PODS, NAMESPACE, pod.name);
  if (object === undefined) throw new Error(`the Pod ${name} is gone`);
  const end = { phase, exitCode: phase === 'Failed' ? 137 : 0, ...(reason === undefined ? {} : { reason }) };
  return writePodStatus(cluster, name, endedStatus(object, end, formatTime(cluster.clock.wallMs())));
}

async function writePodStatus(cluster: ScenarioCluster, pod: string, podStatus: object): Promise<void> {
  const { status } = await cluster.server.handle({
    method: 'PATCH',
    path: `/api/v1/namespaces/${NAMESPACE}/pods/${cluster.pod(pod).name}/status`,
    headers: { authorization: `Bearer ${cluster.server.adminToken}`, 'content-type': 'application/merge-patch+json' },
    body: JSON.stringify({ status: podStatus }),
  });
  if (status !== 200) throw new Error(`the status of the Pod cannot be written: ${status}`);
}

async function collectGarbage(cluster: ScenarioCluster, [lease]: readonly string[]): Promise<void> {
  if (lease === undefined) return cluster.collectGarbage();
  // The second attempt of the collector has only a uid precondition, because the owners have not changed since the
  // first.
  const preconditions = { uid: cluster.words.uidOf(lease) };
  const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions };
  const { status, object } = await cluster.administer({ verb: 'delete', body }, { mayFailWith: [409] });
  cluster.record(`collector: DELETE Lease if it is ${lease} → ${status} ${object.reason ?? ''}`.trim());
}

/** Creates a Lease as a sidecar or a person does: no Pod owns it. */
function createLease(cluster: ScenarioCluster, [holder, seconds]: readonly string[]): Promise<unknown> {
  const spec = { holderIdentity: holder, ...(seconds === undefined ? {} : { leaseDurationSeconds: Number(seconds) }) };
  const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: LEASE }, spec };
  return cluster.administer({ verb: 'create', body });
}

async function editLease(cluster: ScenarioCluster, metadata: object, spec: object): Promise<void> {
  const { object } = await cluster.administer({ verb: 'get' });
  const body = { ...object, metadata: { ...object.metadata, ...metadata }, spec: { ...object.spec, ...spec } };
  await cluster.administer({ verb: 'update', body });
}

function giveLease(cluster: ScenarioCluster, { name, uid }: ScenarioPod): Promise<void> {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name, uid }];
  return editLease(cluster, { ownerReferences }, { holderIdentity: name });
}

async function show(cluster: ScenarioCluster, [what = '']: readonly string[]): Promise<void> {
  if (what !== 'lease') return cluster.process(what).show();
  const { status, object } = await cluster.administer({ verb: 'get' }, { mayFailWith: [404] });
  if (status === 404) return cluster.record('there is no Lease');
  const { holderIdentity, leaseDurationSeconds, renewTime, leaseTransitions } = object.spec ?? {};
  const renewals = renewTime === undefined ? 'never renewed' : 'renewed';
  const duration = leaseDurationSeconds === undefined ? 'no duration' : `duration ${leaseDurationSeconds} s`;
  const lease = cluster.words.lease(object);
  cluster.record(
    `${lease}: holderIdentity ${holderIdentity}, ${renewals}, ${duration}, transitions ${leaseTransitions}`,
  );
}
