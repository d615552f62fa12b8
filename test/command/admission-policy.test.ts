/**
 * The admission policy: its expressions admit the writes of an election, and deny forged ones.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admissionPolicy } from '../../src/command/installation.ts';
import { LeaseElector } from '../../src/lease-elector.ts';
import { type AdmissionRequest, type ApiObject, EmbeddedCluster, type EmbeddedPod } from '../../src/testing/index.ts';
import { fasterClock, runtimeOf } from '../integration/cluster.ts';
import { evaluateCel } from './cel.ts';

const SETTINGS = { name: 'app', namespace: 'default', image: 'app:1', lease: 'app' };
const POD_UID = 'authentication.kubernetes.io/pod-uid';
const APPLICATION = 'system:serviceaccount:default:app';

interface PolicySpec {
  readonly matchConditions: readonly { readonly expression: string }[];
  readonly variables: readonly { readonly name: string; readonly expression: string }[];
  readonly validations: readonly { readonly expression: string; readonly message: string }[];
}

const SPEC = admissionPolicy(SETTINGS)[0]?.object['spec'] as PolicySpec;

/** The values of the variables of an expression in a request. `oldObject` is null for a create. */
interface Request {
  readonly object: object;
  readonly oldObject: object | null;
  readonly request: {
    readonly userInfo: { readonly username: string; readonly extra?: Readonly<Record<string, string[]>> };
  };
}

/** The message with which the policy denies a request; null when it admits the request. */
function denial(scope: Request): string | null {
  const given = { ...scope };
  if (!SPEC.matchConditions.every(({ expression }) => evaluateCel(expression, given) === true)) return null;
  const variables: Record<string, unknown> = {};
  for (const { name, expression } of SPEC.variables) variables[name] = evaluateCel(expression, given);
  const failed = SPEC.validations.find(({ expression }) => evaluateCel(expression, { ...given, variables }) !== true);
  return failed === undefined ? null : failed.message;
}

function owner(uid: string, kind = 'Pod'): object {
  return { apiVersion: 'v1', kind, name: uid, uid };
}

function lease(owners: readonly object[] | null, name = 'app'): object {
  return {
    metadata: { name, namespace: 'default', ...(owners === null ? {} : { ownerReferences: owners }) },
    spec: {},
  };
}

function user(podUid: string | null, username = APPLICATION): Request['request'] {
  return { userInfo: { username, ...(podUid === null ? {} : { extra: { [POD_UID]: [podUid] } }) } };
}

const UNBOUND = 'The token is not bound to a Pod. Use the token that the kubelet mounts.';
const FORGED = 'The owner of the Lease is not the Pod of the token.';
const TAKEN = 'The Lease belongs to another Pod.';
const mine = [owner('mine')];
const others = [owner('other')];

for (const [what, object, oldObject, request, expected] of [
  ['a Pod creates its Lease', lease(mine), null, user('mine'), null],
  ['a Pod renews its Lease', lease(mine), lease(mine), user('mine'), null],
  ['a Pod puts its lost owner back', lease(mine), lease(null), user('mine'), null],
  ['a Pod keeps an owner of another kind', lease([...mine, owner('x', 'App')]), lease(mine), user('mine'), null],
  ['a Pod creates the Lease for another', lease(others), null, user('mine'), FORGED],
  ['a Pod creates the Lease for two', lease([...mine, ...others]), null, user('mine'), FORGED],
  ['a Pod creates the Lease for nobody', lease(null), null, user('mine'), FORGED],
  ['a Pod creates the Lease without owners', lease([]), null, user('mine'), FORGED],
  ['a Pod names its uid as another kind', lease([owner('mine', 'App')]), null, user('mine'), FORGED],
  ['a Pod takes the Lease of another', lease(mine), lease(others), user('mine'), TAKEN],
  ['a Pod gives its Lease away', lease(others), lease(mine), user('mine'), FORGED],
  ['a Pod renews the Lease of another', lease(others), lease(others), user('mine'), FORGED],
  ['a token without a Pod creates the Lease', lease(mine), null, user(null), UNBOUND],
  [
    'a user with other extras creates the Lease',
    lease(mine),
    null,
    { userInfo: { username: APPLICATION, extra: {} } },
    UNBOUND,
  ],
  [
    'a service account of elsewhere creates the Lease',
    lease(mine),
    null,
    user('x', 'system:serviceaccount:web:a'),
    FORGED,
  ],
  ['a person edits the Lease', lease(null), lease(others), user(null, 'jane@example.com'), null],
  ['kube-system edits the Lease', lease(null), lease(others), user(null, 'system:serviceaccount:kube-system:gc'), null],
  [
    'a namespace that only begins with kube-system',
    lease(others),
    null,
    user('mine', 'system:serviceaccount:kube-system2:a'),
    FORGED,
  ],
  ['a Pod writes another Lease', lease(null, 'leader-of-something'), null, user('mine'), null],
] as const) {
  test(`${what}: ${expected ?? 'admitted'}`, () => {
    assert.equal(denial({ object, oldObject, request }), expected);
  });
}

/** A webhook of the embedded server that decides as the policy does. */
function enforce(cluster: EmbeddedCluster, pods: readonly EmbeddedPod[]): () => readonly string[] {
  const decided: string[] = [];
  const deny = ({ verb, user: username, object, oldObject }: AdmissionRequest) => {
    // Each Pod has its own service account, so that a write shows the Pod of its token.
    const pod = pods.find(({ serviceAccountName }) => username.endsWith(`:${serviceAccountName}`));
    const why = denial({
      object: object as ApiObject,
      oldObject: oldObject ?? null,
      request: user(pod?.uid ?? null, username),
    });
    decided.push(`${verb} by ${pod?.name ?? username}: ${why ?? 'admitted'}`);
    return why === null ? undefined : { code: 422, message: why };
  };
  cluster.addWebhook({ name: 'policy.example.com', verbs: ['create', 'update'], resource: 'leases', deny });
  return () => decided;
}

test('the policy admits each write of an election', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const pods = ['a', 'b'].map((name) => cluster.createPod({ name, serviceAccountName: `account-${name}` }));
  const [first, second] = pods as [EmbeddedPod, EmbeddedPod];
  const decided = enforce(cluster, pods);
  const elect = (pod: EmbeddedPod) =>
    new LeaseElector({ ...pod.electorOptions(), renewIntervalMs: 100, leaseDurationSeconds: 1 });
  const [one, other] = [elect(first), elect(second)];
  other.on('warning', () => undefined); // Its Pod is deleted by force.
  await one.start();
  await other.start();
  assert.equal(one.isLeader, true);
  await cluster.until(() => decided().includes('update by a: admitted'));
  await one.stepDown();
  await cluster.until(() => decided().includes('update by b: admitted'));
  await second.forceDelete();
  await cluster.until(() => one.isLeader);
  await one.stop({ release: true });
  await other.stop();
  assert.deepEqual(
    decided().filter((line) => !line.endsWith(': admitted')),
    [],
  );
  assert.ok(['create by a', 'create by b', 'update by b'].every((write) => decided().includes(`${write}: admitted`)));
});

test('the policy denies a write in the name of another Pod, and the elector reports the message', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const pod = cluster.createPod({ name: 'a', serviceAccountName: 'account-a' });
  const victim = cluster.createPod({ name: 'b', serviceAccountName: 'account-b' });
  enforce(cluster, [pod, victim]);
  const { name, namespace, uid } = victim;
  const options = { ...pod.electorOptions(), pod: { name, namespace, uid } };
  // The refusals must last for seconds.
  const elector = new LeaseElector(options, { ...runtimeOf({}), clock: fasterClock(25) });
  t.after(() => elector.stop());
  const warned = new Promise<string>((resolve) => {
    elector.on('warning', ({ code, message }) => code === 'request-rejected' && resolve(message));
  });
  elector.start().catch(() => undefined);
  assert.match(await warned, /The owner of the Lease is not the Pod of the token\./);
  assert.equal(elector.isLeader, false);
});
