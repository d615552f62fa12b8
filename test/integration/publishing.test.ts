/**
 * The leader's label, its deletion cost and its Events in a cluster: electors over TLS sockets, and kubectl if it is
 * installed.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { LeaseElector, type LeaseElectorOptions, type Warning } from '../../src/index.ts';
import {
  ELECTOR_RULES,
  EmbeddedCluster,
  type EmbeddedPod,
  EVENTS,
  electorRules,
  PODS,
  type PolicyRule,
} from '../../src/testing/index.ts';
import { Kubectl, whyNoKubectl } from '../kubectl/kubectl.ts';
import { journalOf } from './cluster.ts';

const LABEL = 'app.example.com/leader';
const COST = 'controller.kubernetes.io/pod-deletion-cost';
const PUBLISHING = { leaderLabel: LABEL, podDeletionCost: 100, events: true } as const;

/** A Pod with an elector, and its events. */
interface Replica {
  readonly pod: EmbeddedPod;
  readonly elector: LeaseElector;
  readonly journal: string[];
  readonly warnings: Warning[];
}

class PublishingCluster {
  readonly cluster: EmbeddedCluster;
  readonly #electors: LeaseElector[] = [];

  private constructor(cluster: EmbeddedCluster) {
    this.cluster = cluster;
  }

  static async start(
    t: TestContext,
    rules: readonly PolicyRule[] = electorRules(PUBLISHING),
  ): Promise<PublishingCluster> {
    const cluster = await EmbeddedCluster.start();
    const publishing = new PublishingCluster(cluster);
    t.after(() => publishing.#end());
    cluster.grant({ rules });
    return publishing;
  }

  async #end(): Promise<void> {
    await Promise.all(this.#electors.map((elector) => elector.stop()));
    await this.cluster.stop();
  }

  elector(pod: EmbeddedPod, options: LeaseElectorOptions = PUBLISHING): Replica {
    const elector = new LeaseElector({ ...pod.electorOptions(), ...options });
    this.#electors.push(elector);
    const warnings: Warning[] = [];
    elector.on('warning', (warning) => warnings.push(warning));
    return { pod, elector, journal: journalOf(elector), warnings };
  }

  async deploy(name: string, options: LeaseElectorOptions = PUBLISHING): Promise<Replica> {
    const replica = this.elector(this.cluster.createPod({ name }), options);
    await replica.elector.start();
    return replica;
  }

  /** The label and the deletion cost of a Pod. */
  labelsOf({ name }: { readonly name: string }): readonly (string | undefined)[] {
    const { labels, annotations } = this.cluster.server.store.get(PODS, 'default', name)?.metadata ?? {};
    return [labels?.[LABEL], annotations?.[COST]];
  }

  /** Waits until only this Pod has the label and the cost. */
  async waitForLabels(pod: EmbeddedPod | null): Promise<void> {
    const expected = (one: EmbeddedPod): string => (one.uid === pod?.uid ? 'true,100' : ',');
    await this.cluster.until(() => this.cluster.pods.every((one) => this.labelsOf(one).join() === expected(one)));
  }

  /** The messages of the Events, in their order. */
  events(): string[] {
    return this.cluster.server.store
      .list(EVENTS, 'default')
      .map((event) => String((event as unknown as { message: unknown }).message));
  }
}

describe('publishing', { concurrency: 4 }, () => {
  test('stepDown() moves the label and the cost, and each step is an Event', async (t) => {
    const publishing = await PublishingCluster.start(t);
    const [first, second] = [await publishing.deploy('web-0'), await publishing.deploy('web-1')];
    await publishing.waitForLabels(first.pod);
    await first.elector.stepDown();
    await publishing.waitForLabels(second.pod);
    await publishing.cluster.until(() => publishing.events().length === 3);
    assert.deepEqual(publishing.events().sort(), [
      'web-0 became leader',
      'web-0 stopped leading: stepped-down',
      'web-1 became leader',
    ]);
    assert.deepEqual([first.warnings, second.warnings], [[], []]);
  });

  test("the label and the cost move when the leader's Pod is deleted, and that Pod loses them first", async (t) => {
    const publishing = await PublishingCluster.start(t);
    const [first, second] = [await publishing.deploy('web-0'), await publishing.deploy('web-1')];
    await publishing.waitForLabels(first.pod);
    await first.pod.delete();
    await first.elector.stop();
    assert.deepEqual(publishing.labelsOf(first.pod), [undefined, undefined], 'stop() waits for the last write');
    await publishing.waitForLabels(second.pod);
    await first.pod.confirmTermination();
    await publishing.waitForLabels(second.pod);
  });

  test('the successor gets the label when the Pod of the leader is force-deleted', async (t) => {
    const publishing = await PublishingCluster.start(t);
    const [first, second] = [await publishing.deploy('web-0'), await publishing.deploy('web-1')];
    await publishing.waitForLabels(first.pod);
    await first.pod.forceDelete();
    await publishing.waitForLabels(second.pod);
    assert.ok(second.elector.isLeader);
  });

  test('a successor removes the label of the previous leader when that leader cannot', async (t) => {
    const publishing = await PublishingCluster.start(t);
    const [first, second] = [await publishing.deploy('web-0'), await publishing.deploy('web-1')];
    await publishing.waitForLabels(first.pod);
    // The Lease can be released, but the Pod can no longer be written.
    publishing.cluster.faults.refuse({ client: first.pod, resource: 'pods', verb: 'patch' });
    await first.elector.stepDown();
    await publishing.waitForLabels(second.pod);
    assert.equal(
      publishing.cluster.requests.count({ client: second.pod, verb: 'patch' }),
      2,
      'a PATCH of its own Pod, and a PATCH of the other',
    );
  });

  test('a Pod keeps its label, and the next process writes nothing, when its container crashes', async (t) => {
    const publishing = await PublishingCluster.start(t);
    const first = await publishing.deploy('web-0');
    await publishing.waitForLabels(first.pod);
    await publishing.cluster.until(() => publishing.events().length === 1);
    first.pod.crash();
    await first.elector.stop();
    await first.pod.restartContainer();
    const again = publishing.elector(first.pod);
    await again.elector.start();
    assert.equal(again.elector.term?.resumed, true);
    await publishing.cluster.until(() => publishing.events().length === 2);
    assert.deepEqual(publishing.events().at(-1), 'web-0 became leader again: its container was restarted');
    assert.deepEqual(publishing.labelsOf(first.pod), ['true', '100']);
    assert.equal(publishing.cluster.requests.count({ verb: 'patch' }), 1);
  });

  test('a stopped elector removes its label when its Pod keeps the Lease', async (t) => {
    const publishing = await PublishingCluster.start(t);
    const first = await publishing.deploy('web-0');
    await publishing.waitForLabels(first.pod);
    await publishing.cluster.until(() => publishing.events().length === 1);
    await first.elector.stop();
    assert.deepEqual(publishing.labelsOf(first.pod), [undefined, undefined]);
    assert.equal(publishing.cluster.leader()?.uid, first.pod.uid);
    assert.deepEqual(publishing.events(), ['web-0 became leader', 'web-0 stopped leading: stopped']);
    const { length } = publishing.cluster.requests;
    assert.equal(first.journal.at(-1), 'stopped');
    assert.equal(publishing.cluster.requests.length, length);
  });

  test('an elector warns once for each missing rule, and the election works, when it is not permitted to publish', async (t) => {
    const publishing = await PublishingCluster.start(t, ELECTOR_RULES);
    const [first, second] = [await publishing.deploy('web-0'), await publishing.deploy('web-1')];
    await publishing.cluster.until(() => first.warnings.length === 2, { timeoutMs: 20_000 });
    const messageOf = (code: string): string => first.warnings.find((one) => one.code === code)?.message ?? '';
    assert.match(messageOf('pod-patch-failing'), /Grant `patch` on pods in namespace "default"/);
    assert.match(messageOf('event-create-failing'), /Grant `create` on events in namespace "default"/);
    await first.elector.stepDown();
    await publishing.cluster.until(() => second.elector.isLeader);
    assert.deepEqual(
      first.journal.filter((line) => !line.startsWith('warning')),
      ['elected', 'leader: web-0', 'demoted: stepped-down', 'leader: nobody', 'leader: web-1'],
    );
    // The Role is granted late. Then the leader writes its label.
    publishing.cluster.grant({ rules: electorRules(PUBLISHING) });
    await publishing.waitForLabels(second.pod);
  });

  test('the election and the hand-over are not delayed when the server never answers a PATCH', async (t) => {
    const publishing = await PublishingCluster.start(t);
    publishing.cluster.faults.delay({ ms: 60_000, verb: 'patch', resource: 'pods' });
    publishing.cluster.faults.delay({ ms: 60_000, verb: 'create', resource: 'events' });
    const fast = { ...PUBLISHING, renewIntervalMs: 100, leaseDurationSeconds: 5 };
    const [first, second] = [await publishing.deploy('web-0', fast), await publishing.deploy('web-1', fast)];
    await new Promise<void>((resolve) => first.elector.once('renewed', () => resolve()));
    const elected = new Promise<void>((resolve) => second.elector.once('elected', () => resolve()));
    // If the machine is suspended, the candidate can miss the release. It then waits for the end of this Pod.
    const gone = first.elector.stop({ release: true }).then(() => first.pod.delete());
    await elected;
    assert.ok(second.elector.isLeader, 'the election ends before the time-out of the PATCH');
    await gone;
  });

  test('an elector writes no label and no Event when the options are not set', async (t) => {
    const publishing = await PublishingCluster.start(t);
    const first = await publishing.deploy('web-0', {});
    await first.elector.stepDown();
    assert.equal(publishing.cluster.requests.count({ verb: 'patch' }), 0);
    assert.equal(publishing.cluster.requests.count({ resource: 'events' }), 0);
  });

  test('kubectl selects the leader by its label, and shows the Events of the Lease', {
    skip: whyNoKubectl(),
  }, async (t) => {
    const publishing = await PublishingCluster.start(t);
    const first = await publishing.deploy('web-0');
    await first.elector.stop({ release: true });
    const folder = mkdtempSync(join(tmpdir(), 'lease-elector-events-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, 'kubeconfig'), publishing.cluster.kubeconfig());
    const kubectl = new Kubectl(folder, join(folder, 'kubeconfig'), 'default');
    const { stdout } = await kubectl.run('kubectl get events --field-selector involvedObject.kind=Lease');
    const lines = stdout.split('\n').map((line) => line.replace(/ {2,}/g, ' | '));
    assert.equal(
      lines.filter((line) => /Normal \| LeaderElection \| lease\/app \| web-0 became leader$/.test(line)).length,
      1,
      stdout,
    );
    assert.equal(lines.filter((line) => /\| web-0 stopped leading: stopped$/.test(line)).length, 1, stdout);
    const second = await publishing.deploy('web-1');
    await publishing.cluster.until(() => publishing.events().length === 3);
    const selected = await kubectl.run(`kubectl get pods --selector ${LABEL}=true --output name`);
    assert.equal(selected.stdout, 'pod/web-1\n', 'the Pod that a Service selects');
    const described = await kubectl.run('kubectl describe lease app');
    assert.match(described.stdout, /LeaderElection .* web-1 became leader/);
    assert.doesNotMatch(described.stdout, /web-0/, 'Events of a Lease that is gone are not shown');
    assert.ok(second.elector.isLeader);
  });
});
