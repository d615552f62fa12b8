/**
 * Scenarios in a cluster with nodes, and the leader after each scenario.
 */

import type { Holder, KindCluster } from './kind-cluster.ts';
import { demand, type Scenario } from './scenario-run.ts';

/** The longest time until a successor leads, in milliseconds. */
const SUCCESSION_MS = 60_000;
/** The longest time until a silent node is not ready, in milliseconds: twice the 50 s that Kubernetes needs. */
const NODE_LOST_MS = 100_000;
/** The longest time until a node has started again, in milliseconds. */
const NODE_BACK_MS = 180_000;

/** The leader, according to the Lease and to the metrics of the Pods. */
async function leader(cluster: KindCluster, what: string, isRight: (holder: Holder) => boolean): Promise<Holder> {
  return cluster.until(what, SUCCESSION_MS, async () => {
    const holder = await cluster.holder();
    if (holder === undefined || !isRight(holder)) return undefined;
    const leadingPods = await cluster.leadingPods();
    demand(leadingPods.length <= 1, `two Pods lead: ${leadingPods.join(', ')}`);
    return leadingPods[0] === holder.pod ? holder : undefined;
  });
}

function anyLeader(cluster: KindCluster): Promise<Holder> {
  return leader(cluster, 'somebody leads', () => true);
}

function successorOf(cluster: KindCluster, before: Holder): Promise<Holder> {
  return leader(cluster, `a successor of ${before.pod} leads`, ({ uid }) => uid !== before.uid);
}

/** A scenario that ends the leader's Pod, and then waits for three replicas. */
function ends(name: string, end: (cluster: KindCluster, before: Holder) => Promise<unknown>): Scenario<KindCluster> {
  return {
    name,
    expected: 'another Pod leads',
    run: async (cluster) => {
      const before = await anyLeader(cluster);
      await end(cluster, before);
      const after = await successorOf(cluster, before);
      demand(after.leaseUid !== before.leaseUid, 'the Lease is the same object');
      await cluster.rolledOut();
      return `${before.pod} → ${after.pod}`;
    },
  };
}

/** The scenarios, in their order. */
export const KIND_SCENARIOS: readonly Scenario<KindCluster>[] = [
  {
    name: 'three replicas',
    expected: 'one Pod leads, according to the Lease and to its metrics',
    run: async (cluster) => {
      const { pod, node } = await anyLeader(cluster);
      return `${pod} on ${node}`;
    },
  },
  ends('delete', (cluster, { pod }) => cluster.kubectl('delete', 'pod', pod)),
  ends('evict', async (cluster, { pod }) => {
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace: 'elector' } };
    const path = `/api/v1/namespaces/elector/pods/${pod}/eviction`;
    await cluster.feed(JSON.stringify(eviction), 'create', '--raw', path);
  }),
  ends('force delete', (cluster, { pod }) => cluster.kubectl('delete', 'pod', pod, '--force', '--grace-period=0')),
  ends('roll out', (cluster) => cluster.rollOut()),
  ends('drain a node', async (cluster, { node }) => {
    await cluster.kubectl('drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=180s');
    await cluster.kubectl('uncordon', node);
  }),
  {
    name: 'stop a node',
    expected: 'no Pod takes over; the same Pod leads when the node is back',
    run: async (cluster) => {
      const before = await anyLeader(cluster);
      await cluster.docker('stop', before.node);
      try {
        await cluster.until(`${before.node} is not ready`, NODE_LOST_MS, async () => {
          const ready = '{.status.conditions[?(@.type=="Ready")].status}';
          return (await cluster.kubectl('get', 'node', before.node, '-o', `jsonpath=${ready}`)) !== 'True';
        });
        const during = await cluster.holder();
        demand(during?.uid === before.uid, `${during?.pod ?? 'nobody'} holds the Lease while the node is off`);
      } finally {
        await cluster.docker('start', before.node);
      }
      const after = await cluster.until('the Pod leads again', NODE_BACK_MS, async () => {
        const holder = await cluster.holder();
        const leadingPods = await cluster.leadingPods();
        demand(leadingPods.length <= 1, `two Pods lead: ${leadingPods.join(', ')}`);
        return holder?.uid === before.uid && leadingPods[0] === holder.pod && holder;
      });
      return `${after.pod} held the Lease, and leads again`;
    },
  },
];
