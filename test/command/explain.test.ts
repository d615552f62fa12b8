/**
 * Checks `lease-elector explain` in every state of a Lease: the exit code, the reason and the text.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EmbeddedCluster, type EmbeddedPod } from '../../src/testing/index.ts';
import { administer, createLease, type Ended, fileOf, kubeconfigWith, run } from './on-call.ts';

let cluster: EmbeddedCluster;

before(async () => {
  cluster = await EmbeddedCluster.start();
  // The collector must not delete the Lease of a Pod that is gone.
  cluster.holdGarbageCollector();
});
after(() => cluster.stop());

/** The expected answer in a state. */
interface State {
  readonly name: string;
  /** Creates the state in a separate namespace, with a Pod that runs. */
  readonly make: (namespace: string, pod: EmbeddedPod) => Promise<void>;
  readonly code: 0 | 1 | 2;
  readonly reason: string;
  readonly words: RegExp;
  readonly command?: RegExp;
}

const status = (namespace: string, pod: EmbeddedPod, conditions: readonly (readonly [string, string])[]) =>
  administer(
    cluster,
    'PATCH',
    `/api/v1/namespaces/${namespace}/pods/${pod.name}/status`,
    { status: { phase: 'Running', conditions: conditions.map(([type, status]) => ({ type, status })) } },
    'application/merge-patch+json',
  );

const STATES: readonly State[] = [
  {
    name: 'a leader that renews',
    make: (namespace, owner) => createLease(cluster, { namespace, owner }),
    code: 0,
    reason: 'following',
    words:
      /has a leader\n {2}Pod web-0 leads, and all is well.*\n\n {2}reason {5}following\n {2}state ends when its Pod is deleted[\s\S]*renewed {4}\S+ \(\d+s ago\), valid for 3600 s/,
  },
  {
    name: 'a leader whose renewal is older than the duration is still the leader',
    make: (namespace, owner) =>
      createLease(cluster, { namespace, owner, renewedAgoMs: 300_000, leaseDurationSeconds: 30 }),
    code: 0,
    reason: 'holder-silent',
    words:
      /has a leader\n {2}Pod web-0 leads but has not renewed[\s\S]*longer ago than its duration of 30 s\. A late renewal does not end a term: a leader leads until its Pod is gone[\s\S]*caution +Make sure first that the leader does not renew: the clocks of two machines/,
    command: /^kubectl delete pod web-0 -n \S+$/,
  },
  {
    name: 'a Pod that is gone',
    make: async (namespace, owner) => {
      await createLease(cluster, { namespace, owner });
      await owner.forceDelete();
    },
    code: 1,
    reason: 'holder-gone',
    words: /no leader\n {2}Nobody leads: Pod web-0, which owns Lease \S+, is gone[\s\S]*collector {2}the owner is gone/,
    command: /^kubectl delete lease web -n \S+$/,
  },
  {
    name: 'a Pod of the same name with another uid',
    make: async (namespace, owner) => {
      await createLease(cluster, { namespace, owner });
      await owner.forceDelete();
      cluster.createPod({ name: owner.name, namespace });
    },
    code: 1,
    reason: 'holder-gone',
    words: /Pod web-0 \(uid \S+\): gone/,
    command: /^kubectl delete lease/,
  },
  {
    name: 'a Pod that is being deleted',
    make: async (namespace, owner) => {
      await createLease(cluster, { namespace, owner });
      await owner.delete();
    },
    code: 0,
    reason: 'holder-terminating',
    words: /Pod web-0 is being deleted and leads until it is gone[\s\S]*: Terminating/,
  },
  {
    name: 'a node that is not ready',
    make: async (namespace, owner) => {
      await createLease(cluster, { namespace, owner });
      await status(namespace, owner, [
        ['Ready', 'False'],
        ['ContainersReady', 'True'],
      ]);
    },
    code: 0,
    reason: 'holder-node-not-ready',
    words: /the control plane has lost its node node-1[\s\S]*Running \(not Ready\)[\s\S]*node-1 \(does not exist\)/,
    command: /^kubectl delete pod web-0/,
  },
  {
    name: 'a Pod that is not ready',
    make: async (namespace, owner) => {
      await createLease(cluster, { namespace, owner });
      await status(namespace, owner, [
        ['Ready', 'False'],
        ['ContainersReady', 'False'],
      ]);
    },
    code: 0,
    reason: 'holder-not-ready',
    words: /Pod web-0 leads, but it is not Ready, although it renewed/,
    command: /^kubectl delete pod web-0/,
  },
  {
    name: 'an evicted Pod',
    make: async (namespace, owner) => {
      await createLease(cluster, { namespace, owner });
      await owner.fail({ reason: 'Evicted' });
    },
    code: 1,
    reason: 'holder-failed',
    words: /no leader\n {2}Pod web-0 has failed \(Evicted\) and holds the Lease as long as it exists: delete it/,
    command: /^kubectl delete pod web-0/,
  },
  {
    name: 'no Lease',
    make: async () => {},
    code: 1,
    reason: 'no-lease',
    words: /Nobody leads: there is no Lease \S+\/web\. A candidate creates it within a second/,
  },
  {
    name: 'a foreign Lease that is renewed',
    make: (namespace) => createLease(cluster, { namespace, holderIdentity: 'other' }),
    code: 0,
    reason: 'foreign-lease',
    words: /names "other" as its holder, and no Pod owns it\. It counts as held until it has been unchanged for 3600 s/,
  },
  {
    name: 'a foreign Lease without a duration',
    make: (namespace) => createLease(cluster, { namespace, holderIdentity: 'other', leaseDurationSeconds: 0 }),
    code: 2,
    reason: 'foreign-lease',
    words: /cannot tell[\s\S]*It has no leaseDurationSeconds, so its end cannot be determined/,
    command: /^kubectl delete lease/,
  },
  {
    name: 'a foreign Lease that nobody renews',
    make: (namespace) =>
      createLease(cluster, { namespace, holderIdentity: 'other', renewedAgoMs: 60_000, leaseDurationSeconds: 30 }),
    code: 1,
    reason: 'foreign-lease',
    words: /Nobody leads: no Pod owns Lease \S+, which names "other" and has not changed for its duration/,
    command: /^kubectl delete lease/,
  },
  {
    name: 'a released Lease',
    make: (namespace, owner) => createLease(cluster, { namespace, owner, released: owner.uid }),
    code: 1,
    reason: 'released',
    words: /Nobody leads: Pod web-0 released Lease \S+/,
    command: /^kubectl delete lease/,
  },
  {
    name: 'a terminating Lease with a finalizer, whose owner is gone',
    make: async (namespace, owner) => {
      await createLease(cluster, { namespace, owner, finalizers: ['example.com/audit'] });
      await owner.forceDelete();
      await administer(cluster, 'DELETE', `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/web`);
    },
    code: 1,
    reason: 'lease-terminating',
    words:
      /being deleted, but its finalizers keep it: example\.com\/audit[\s\S]*the Lease has a deletionTimestamp; finalizers: example\.com\/audit/,
    command: /^kubectl patch lease web/,
  },
  {
    name: 'a terminating Lease with a finalizer, whose owner leads',
    make: async (namespace, owner) => {
      await createLease(cluster, { namespace, owner, finalizers: ['example.com/audit'] });
      await administer(cluster, 'DELETE', `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/web`);
    },
    code: 0,
    reason: 'following',
    words: /Pod web-0 leads, but Lease \S+ is being deleted and its finalizers keep it/,
  },
];

interface Answered {
  readonly answer: string;
  readonly leases: readonly { readonly reason: string; readonly command: string | null; readonly answer: string }[];
}

for (const [index, { name, make, code, reason, words, command }] of STATES.entries()) {
  test(`explain answers ${code} for ${name}`, async (t) => {
    const namespace = `state-${index}`;
    const pod = cluster.createPod({ name: 'web-0', namespace });
    await make(namespace, pod);
    const kubeconfig = fileOf(t, cluster.kubeconfig());
    const environment = { KUBECONFIG: kubeconfig };
    const text = await run(['explain', 'web', '-n', namespace], { environment });
    assert.deepEqual([text.code, text.complained], [code, ''], text.written);
    assert.match(text.written, words);
    const json = await run(['explain', 'web', '-n', namespace, '--json'], { environment });
    assert.equal(json.code, code);
    const { answer, leases } = JSON.parse(json.written) as Answered;
    assert.equal(answer, ['leader', 'none', 'unknown'][code]);
    assert.deepEqual(
      leases.map((lease) => lease.reason),
      [reason],
    );
    const [found] = leases;
    if (command === undefined) assert.equal(found?.command, null);
    else assert.match(found?.command ?? '', command);
    // The text has the command of the JSON.
    if (found?.command != null) assert.ok(text.written.includes(`${found.command}    # not run`));
  });
}

function assertCannotTell({ code, written, complained }: Ended, why: RegExp): void {
  assert.deepEqual([code, written], [2, '']);
  assert.match(complained, why);
}

test('explain answers "cannot tell" and names the missing rule when it is not permitted to read the Lease', async (t) => {
  cluster.grant({ namespace: 'denied', serviceAccountName: 'nobody', rules: [] });
  const pod = cluster.createPod({ name: 'nobody-0', namespace: 'denied', serviceAccountName: 'nobody' });
  const kubeconfig = fileOf(t, kubeconfigWith(cluster, pod.token));
  const named = await run(['explain', 'web', '-n', 'denied', '--kubeconfig', kubeconfig]);
  assert.equal(named.code, 2);
  assert.match(
    named.written,
    /cannot tell\n.* the user of this command is not permitted\. Grant it `get` on leases\.coordination\.k8s\.io in namespace "denied"\./,
  );
  assertCannotTell(await run(['explain', '-n', 'denied', '--kubeconfig', kubeconfig]), /^Cannot tell: .*list leases/);
});

test('explain answers "cannot tell" and names the holder when it is not permitted to read the Pod', async (t) => {
  const rules = [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get'] }];
  cluster.grant({ namespace: 'half', serviceAccountName: 'half', rules });
  const pod = cluster.createPod({ name: 'half-0', namespace: 'half', serviceAccountName: 'half' });
  await createLease(cluster, { namespace: 'half', owner: pod });
  const kubeconfig = fileOf(t, kubeconfigWith(cluster, pod.token));
  const { code, written } = await run(['explain', 'web', '-n', 'half', '--kubeconfig', kubeconfig]);
  assert.equal(code, 2);
  assert.match(
    written,
    /Pod half-0 holds Lease half\/web, and it renewed \d+ s ago\. It is unknown whether that Pod exists/,
  );
  assert.match(written, /Grant it `get` on pods in namespace "half"/);
});

test('explain answers "cannot tell" when its token is not accepted', async (t) => {
  const kubeconfig = fileOf(t, kubeconfigWith(cluster, 'no-such-token'));
  const { code, written } = await run(['explain', 'web', '--kubeconfig', kubeconfig]);
  assert.equal(code, 2);
  assert.match(written, /the API server does not accept the credentials of this command\. Log in again\./);
});

test('explain answers "cannot tell" when the API server cannot be reached', async (t) => {
  const other = await EmbeddedCluster.start();
  const kubeconfig = fileOf(t, other.kubeconfig());
  await other.stop();
  const { code, written } = await run(['explain', 'web', '--kubeconfig', kubeconfig]);
  assert.equal(code, 2);
  assert.match(written, /cannot tell\n.*cannot be read: .*ECONNREFUSED/);
  const json = await run(['explain', '--kubeconfig', kubeconfig, '--json']);
  assert.equal(json.code, 2);
  assert.match((JSON.parse(json.written) as { error: string }).error, /ECONNREFUSED/);
});

test('explain without LEASE explains each Lease of the library, and answers 1 when one has no leader', async (t) => {
  const pod = cluster.createPod({ name: 'web-0', namespace: 'several' });
  await createLease(cluster, { namespace: 'several', name: 'web', owner: pod });
  const environment = { KUBECONFIG: fileOf(t, cluster.kubeconfig()) };
  const one = await run(['explain', '-n', 'several'], { environment });
  assert.equal(one.code, 0);
  await createLease(cluster, { namespace: 'several', name: 'nightly', owner: pod, released: pod.uid });
  const { code, written } = await run(['explain', '-n', 'several'], { environment });
  assert.equal(code, 1);
  assert.match(written, /^Lease several\/nightly: no leader[\s\S]*\n\nLease several\/web: has a leader/);
});

test('explain without LEASE answers 1 when there is no Lease of the library', async (t) => {
  const { code, written } = await run(['explain', '--kubeconfig', fileOf(t, cluster.kubeconfig())]);
  assert.equal(code, 1);
  assert.match(written, /^Nobody leads: there is no Lease of this library in namespace default\./);
});

test('explain removes control characters from the names that it prints', async (t) => {
  cluster.createPod({ name: 'web-0', namespace: 'control' });
  await createLease(cluster, { namespace: 'control', holderIdentity: 'a\u001b[2Jb\u202ec\u2028' });
  const { written } = await run(['explain', 'web', '-n', 'control', '--kubeconfig', fileOf(t, cluster.kubeconfig())]);
  assert.ok(!written.includes('\u001b'));
  assert.match(written, /names "a \[2Jb c "/);
});

test('explain takes the context and the namespace from the kubeconfig files that KUBECONFIG names', async (t) => {
  const pod = cluster.createPod({ name: 'web-0', namespace: 'of-context' });
  await createLease(cluster, { namespace: 'of-context', owner: pod });
  const empty = fileOf(t, 'apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: []\n');
  const environment = { KUBECONFIG: `${empty}:/no/such/file:${fileOf(t, cluster.kubeconfig())}` };
  assert.equal((await run(['explain', 'web', '-n', 'of-context'], { environment })).code, 0);
  const unknown = await run(['explain', 'web', '--context', 'nope'], { environment });
  assertCannotTell(unknown, /^Cannot tell: .*has no context "nope"/);
});

test('explain names the ways to choose a cluster when there is neither a kubeconfig nor a Pod', async () => {
  const ended = await run(['explain'], { environment: { HOME: '/no/such/home' } });
  assertCannotTell(ended, /^Cannot tell: No cluster is known: there is no kubeconfig\. Set KUBECONFIG/);
});

for (const args of [
  ['explain', 'one', 'two'],
  ['explain', 'No_Name'],
  ['explain', '-n', '../x'],
  ['explain', '--yaml'],
  ['watch', 'web', '-A'],
  ['list', 'web'],
]) {
  test(`"${args.join(' ')}" is a usage error`, async () => {
    const { code, written, complained } = await run(args);
    assert.deepEqual([code, written], [2, '']);
    assert.match(complained, new RegExp(`^lease-elector ${args[0]}: .*\\n\\nUsage: lease-elector ${args[0]}`));
  });
}

test('explain reports a node that is not Ready before its Pods are, and the Pod remains the leader', async (t) => {
  const own = await EmbeddedCluster.start();
  t.after(() => own.stop());
  const owner = own.createPod({ name: 'web-0', namespace: 'shop' });
  await createLease(own, { namespace: 'shop', owner });
  const kubeconfig = fileOf(t, own.kubeconfig());
  const explained = async (ready: string): Promise<Ended> => {
    const condition = { type: 'Ready', status: ready, reason: 'NodeStatusUnknown' };
    const body = { status: { conditions: [condition] } };
    await administer(own, 'PATCH', '/api/v1/nodes/node-1/status', body, 'application/merge-patch+json');
    return run(['explain', 'web', '-n', 'shop', '--json', '--kubeconfig', kubeconfig]);
  };
  await administer(own, 'POST', '/api/v1/nodes', { metadata: { name: 'node-1' } });
  const lost = await explained('Unknown');
  const [{ reason, node, command }] = JSON.parse(lost.written).leases;
  assert.deepEqual([lost.code, reason, command], [0, 'holder-node-not-ready', 'kubectl delete pod web-0 -n shop']);
  assert.deepEqual([node.name, node.ready, node.reason], ['node-1', 'Unknown', 'NodeStatusUnknown']);
  assert.equal(JSON.parse((await explained('True')).written).leases[0].reason, 'following');
  own.faults.answer(403, { resource: 'nodes' });
  const { written } = await run(['explain', 'web', '-n', 'shop', '--kubeconfig', kubeconfig]);
  assert.match(written, /node-1 \(could not be read\)/);
});
