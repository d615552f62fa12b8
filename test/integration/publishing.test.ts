/**
 * The leader's label, its deletion cost and its Events, in a whole cluster: electors over TLS sockets, and kubectl where it
 * is installed.
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
const WISHES = { leaderLabel: LABEL, podDeletionCost: 100, events: true } as const;

/** A Pod with an elector, and what it tells. */
interface Replica {
  readonly pod: EmbeddedPod;
  readonly elector: LeaseElector;
  readonly journal: string[];
  readonly warnings: Warning[];
}

class Scene {
  readonly cluster: EmbeddedCluster;
  readonly #electors: LeaseElector[] = [];

  private constructor(cluster: EmbeddedCluster) {
    this.cluster = cluster;
  }

  static async start(t: TestContext, rules: readonly PolicyRule[] = electorRules(WISHES)): Promise<Scene> {
    const cluster = await EmbeddedCluster.start();
    const scene = new Scene(cluster);
    t.after(() => scene.#end());
    cluster.grant({ rules });
    return scene;
  }

  async #end(): Promise<void> {
    await Promise.all(this.#electors.map((elector) => elector.stop()));
    await this.cluster.stop();
  }

  elector(pod: EmbeddedPod, options: LeaseElectorOptions = WISHES): Replica {
    const elector = new LeaseElector({ ...pod.electorOptions(), ...options });
    this.#electors.push(elector);
    const warnings: Warning[] = [];
    elector.on('warning', (warning) => warnings.push(warning));
    return { pod, elector, journal: journalOf(elector), warnings };
  }

  async deploy(name: string, options: LeaseElectorOptions = WISHES): Promise<Replica> {
    const replica = this.elector(this.cluster.createPod({ name }), options);
    await replica.elector.start();
    return replica;
  }

  /** The label and the cost of a Pod. */
  marks({ name }: { readonly name: string }): readonly (string | undefined)[] {
    const { labels, annotations } = this.cluster.server.store.get(PODS, 'default', name)?.metadata ?? {};
    return [labels?.[LABEL], annotations?.[COST]];
  }

  /** Waits until exactly this Pod has the marks. */
  async marked(pod: EmbeddedPod | null): Promise<void> {
    const expected = (one: EmbeddedPod): string => (one.uid === pod?.uid ? 'true,100' : ',');
    await this.cluster.until(() => this.cluster.pods.every((one) => this.marks(one).join() === expected(one)));
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
    const scene = await Scene.start(t);
    const [first, second] = [await scene.deploy('web-0'), await scene.deploy('web-1')];
    await scene.marked(first.pod);
    await first.elector.stepDown();
    await scene.marked(second.pod);
    await scene.cluster.until(() => scene.events().length === 3);
    assert.deepEqual(scene.events().sort(), [
      'web-0 became leader',
      'web-0 stopped leading: stepped-down',
      'web-1 became leader',
    ]);
    assert.deepEqual([first.warnings, second.warnings], [[], []]);
  });

  test("the deletion of the leader's Pod moves them, and the Pod that is going loses them first", async (t) => {
    const scene = await Scene.start(t);
    const [first, second] = [await scene.deploy('web-0'), await scene.deploy('web-1')];
    await scene.marked(first.pod);
    await first.pod.delete();
    await first.elector.stop();
    assert.deepEqual(scene.marks(first.pod), [undefined, undefined], 'nothing is written after stop()');
    await scene.marked(second.pod);
    await first.pod.confirmTermination();
    await scene.marked(second.pod);
  });

  test('a leader whose Pod is gone at once is followed by one with the label', async (t) => {
    const scene = await Scene.start(t);
    const [first, second] = [await scene.deploy('web-0'), await scene.deploy('web-1')];
    await scene.marked(first.pod);
    await first.pod.forceDelete();
    await scene.marked(second.pod);
    assert.ok(second.elector.isLeader);
  });

  test('a successor takes the label from a predecessor that cannot do so', async (t) => {
    const scene = await Scene.start(t);
    const [first, second] = [await scene.deploy('web-0'), await scene.deploy('web-1')];
    await scene.marked(first.pod);
    // The Lease can be released, and the Pod cannot be written any more.
    scene.cluster.faults.refuse({ client: first.pod, resource: 'pods', verb: 'patch' });
    await first.elector.stepDown();
    await scene.marked(second.pod);
    assert.equal(
      scene.cluster.requests.count({ client: second.pod, verb: 'patch' }),
      2,
      'of its own Pod, and of the other',
    );
  });

  test('a container that crashes keeps the label of its Pod, and its next process writes nothing', async (t) => {
    const scene = await Scene.start(t);
    const first = await scene.deploy('web-0');
    await scene.marked(first.pod);
    await scene.cluster.until(() => scene.events().length === 1);
    first.pod.crash();
    await first.elector.stop();
    await first.pod.restartContainer();
    const again = scene.elector(first.pod);
    await again.elector.start();
    assert.equal(again.elector.term?.resumed, true);
    await scene.cluster.until(() => scene.events().length === 2);
    assert.deepEqual(scene.events().at(-1), 'web-0 became leader again: its container was restarted');
    assert.deepEqual(scene.marks(first.pod), ['true', '100']);
    assert.equal(scene.cluster.requests.count({ verb: 'patch' }), 1);
  });

  test('a stopped elector leaves no label behind, although its Pod keeps the Lease', async (t) => {
    const scene = await Scene.start(t);
    const first = await scene.deploy('web-0');
    await scene.marked(first.pod);
    await scene.cluster.until(() => scene.events().length === 1);
    await first.elector.stop();
    assert.deepEqual(scene.marks(first.pod), [undefined, undefined]);
    assert.equal(scene.cluster.leader()?.uid, first.pod.uid);
    assert.deepEqual(scene.events(), ['web-0 became leader', 'web-0 stopped leading: stopped']);
    const { length } = scene.cluster.requests;
    assert.equal(first.journal.at(-1), 'stopped');
    assert.equal(scene.cluster.requests.length, length);
  });

  test('without the permissions: one warning each, with the rule, and the election as ever', async (t) => {
    const scene = await Scene.start(t, ELECTOR_RULES);
    const [first, second] = [await scene.deploy('web-0'), await scene.deploy('web-1')];
    await scene.cluster.until(() => first.warnings.length === 2, { timeoutMs: 20_000 });
    const messageOf = (code: string): string => first.warnings.find((one) => one.code === code)?.message ?? '';
    assert.match(messageOf('pod-patch-failing'), /Grant `patch` on pods in namespace "default"/);
    assert.match(messageOf('event-create-failing'), /Grant `create` on events in namespace "default"/);
    await first.elector.stepDown();
    await scene.cluster.until(() => second.elector.isLeader);
    assert.deepEqual(
      first.journal.filter((line) => !line.startsWith('warning')),
      ['elected', 'leader: web-0', 'demoted: stepped-down', 'leader: nobody', 'leader: web-1'],
    );
    // Granted late, as a Role can be: the label follows by itself.
    scene.cluster.grant({ rules: electorRules(WISHES) });
    await scene.marked(second.pod);
  });

  test('a server that never answers a PATCH delays neither the election nor the hand-over', async (t) => {
    const scene = await Scene.start(t);
    scene.cluster.faults.delay({ ms: 60_000, verb: 'patch', resource: 'pods' });
    scene.cluster.faults.delay({ ms: 60_000, verb: 'create', resource: 'events' });
    const fast = { ...WISHES, renewIntervalMs: 100, leaseDurationSeconds: 5 };
    const [first, second] = [await scene.deploy('web-0', fast), await scene.deploy('web-1', fast)];
    await new Promise<void>((resolve) => first.elector.once('renewed', () => resolve()));
    const elected = new Promise<void>((resolve) => second.elector.once('elected', () => resolve()));
    const stopping = first.elector.stop({ release: true });
    await elected;
    assert.ok(second.elector.isLeader, 'before the PATCH has its time-out');
    await stopping;
  });

  test('without the options nothing is written, and no Pod is read for it', async (t) => {
    const scene = await Scene.start(t);
    const first = await scene.deploy('web-0', {});
    await first.elector.stepDown();
    assert.equal(scene.cluster.requests.count({ verb: 'patch' }), 0);
    assert.equal(scene.cluster.requests.count({ resource: 'events' }), 0);
  });

  test('kubectl selects the leader by its label, lists the Events of the Lease, and describes it with them', {
    skip: whyNoKubectl(),
  }, async (t) => {
    const scene = await Scene.start(t);
    const first = await scene.deploy('web-0');
    await first.elector.stop({ release: true });
    const folder = mkdtempSync(join(tmpdir(), 'lease-elector-events-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, 'kubeconfig'), scene.cluster.kubeconfig());
    const kubectl = new Kubectl(folder, join(folder, 'kubeconfig'), 'default');
    const { stdout } = await kubectl.run('kubectl get events --field-selector involvedObject.kind=Lease');
    const lines = stdout.split('\n').map((line) => line.replace(/ {2,}/g, ' | '));
    assert.equal(
      lines.filter((line) => /Normal \| LeaderElection \| lease\/app \| web-0 became leader$/.test(line)).length,
      1,
      stdout,
    );
    assert.equal(lines.filter((line) => /\| web-0 stopped leading: stopped$/.test(line)).length, 1, stdout);
    const second = await scene.deploy('web-1');
    await scene.cluster.until(() => scene.events().length === 3);
    const selected = await kubectl.run(`kubectl get pods --selector ${LABEL}=true --output name`);
    assert.equal(selected.stdout, 'pod/web-1\n', 'what a Service selects');
    const described = await kubectl.run('kubectl describe lease app');
    assert.match(described.stdout, /LeaderElection .* web-1 became leader/);
    assert.doesNotMatch(described.stdout, /web-0/, 'of another Lease, which is gone');
    assert.ok(second.elector.isLeader);
  });
});
