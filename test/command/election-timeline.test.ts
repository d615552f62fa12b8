/**
 * `lease-elector watch --timeline FILE`: the contents of the page, and the times at which it is written.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ElectionChange, ElectionEvent } from '../../src/command/election-log.ts';
import { ElectionTimeline, KEPT_EVENT_LIMIT, PAGE_PAUSE_MS } from '../../src/command/election-timeline.ts';
import { EmbeddedCluster } from '../../src/testing/index.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { administer, createLease, fileOf, kubeconfigWith, run } from './on-call.ts';

interface Scene {
  readonly clock: ManualClock;
  readonly timeline: ElectionTimeline;
  readonly pages: string[];
  readonly failures: string[];
  /** The next writes fail. */
  broken: boolean;
  change(change: ElectionChange, more?: Partial<ElectionEvent>): void;
}

function sceneOf(everywhere = false): Scene {
  const clock = new ManualClock();
  const pages: string[] = [];
  const failures: string[] = [];
  const timeline = new ElectionTimeline({
    clock,
    everywhere,
    title: 'Elections in namespace shop',
    write: async (page) => {
      if (scene.broken) throw new Error('no space left');
      pages.push(page);
    },
    failed: (message) => failures.push(message),
  });
  const scene: Scene = {
    clock,
    timeline,
    pages,
    failures,
    broken: false,
    change: (change, more = {}) =>
      timeline.add({
        at: new Date(clock.wallMs()),
        namespace: 'shop',
        lease: 'web',
        change,
        holder: 'web-0',
        holderUid: 'uid-0',
        leaseUid: 'lease-0',
        previousHolder: null,
        fencingToken: '17',
        tokenIsExact: true,
        ...more,
      }),
  };
  return scene;
}

/** The table of the page: subject and event of each line, without the beginning of the watch. */
function linesOf(page: string | undefined): readonly string[] {
  const rows = (page ?? '').matchAll(/<td>([^<]*)<\/td><td>([^<]*)<\/td><td>([^<]*)<\/td>/g);
  return [...rows].map(([, time, who, what]) => `${time} ${who}: ${what}`).slice(1);
}

const NEXT = { holder: 'web-1', holderUid: 'uid-1', leaseUid: 'lease-1', previousHolder: 'web-0', fencingToken: '23' };

test('the page shows each change of an election, and an upper bound for the token when the start of the term was not observed', async () => {
  const scene = sceneOf();
  scene.change('found', { tokenIsExact: false });
  for (const [change, more] of [
    ['silent', {}],
    ['renewing', {}],
    ['deleted', {}],
    ['restored', { leaseUid: 'lease-0b', tokenIsExact: false }],
    ['deleted', { leaseUid: 'lease-0b' }],
    ['elected', NEXT],
    ['released', NEXT],
  ] as const) {
    scene.clock.advance(1_000);
    scene.change(change, more);
  }
  scene.clock.advance(1_000);
  await scene.timeline.close();
  const page = scene.pages.at(-1);
  assert.deepEqual(linesOf(page), [
    '0.000 s Lease web: is found: owned by web-0 (revision 17)',
    '1.000 s web-0: does not renew the Lease web, and stays its holder',
    '2.000 s web-0: renews the Lease web again',
    '3.000 s Lease web: is deleted',
    '4.000 s Lease web: is restored by its holder, owned by web-0 (revision 17)',
    '5.000 s Lease web: is deleted',
    '6.000 s Lease web: is created, owned by web-1 (revision 23)',
    '7.000 s Lease web: is released',
  ]);
  assert.match(
    page ?? '',
    /<h1>Elections in namespace shop<\/h1>\n<p>Recorded from .*Z to .*Z\. The watch sees only Leases: /,
  );
  assert.match(page ?? '', />token unknown</);
  assert.match(page ?? '', />token 23</);
  assert.doesNotMatch(page ?? '', />token 17</);
});

test('the page shades the time in which the Leases cannot be watched once', async () => {
  const scene = sceneOf();
  scene.timeline.lost('no route');
  scene.timeline.lost('no route');
  scene.timeline.received();
  scene.timeline.received();
  await scene.timeline.close();
  assert.deepEqual(linesOf(scene.pages.at(-1)), [
    '0.000 s API server: cannot be watched: no route',
    '0.000 s API server: answers again',
  ]);
});

test('the page shows namespaces in a watch of all namespaces, and a note for a holder that is not a Pod', async () => {
  const scene = sceneOf(true);
  scene.change('found');
  scene.change('silent', { holderUid: null, holder: 'laptop' });
  await scene.timeline.close();
  assert.deepEqual(linesOf(scene.pages.at(-1)), [
    '0.000 s Lease shop/web: is created, owned by shop/web-0 (revision 17)',
    '0.000 s Note: laptop does not renew the Lease shop/web, and stays its holder',
  ]);
});

test('a timeline pauses between two pages, reports a failed write, and leaves no timer behind', async () => {
  const scene = sceneOf();
  scene.change('found');
  scene.clock.advance(PAGE_PAUSE_MS - 1);
  await promisesSettled();
  assert.equal(scene.pages.length, 0);
  scene.change('silent');
  scene.clock.advance(1);
  await promisesSettled();
  assert.equal(scene.pages.length, 1);
  scene.clock.advance(10 * PAGE_PAUSE_MS);
  await promisesSettled();
  assert.equal(scene.pages.length, 1, 'nothing changed');
  scene.broken = true;
  scene.change('renewing');
  scene.clock.advance(PAGE_PAUSE_MS);
  await promisesSettled();
  assert.deepEqual(scene.failures, ['The timeline could not be written: no space left']);
  scene.broken = false;
  scene.change('silent');
  await scene.timeline.close();
  assert.deepEqual([scene.pages.length, scene.clock.timers.size], [2, 0]);
});

test('the timeline keeps a bounded number of events, and the page says how many are lost', async () => {
  const scene = sceneOf();
  for (let count = 0; count < KEPT_EVENT_LIMIT; count += 1) scene.change(count % 2 === 0 ? 'silent' : 'renewing');
  await scene.timeline.close();
  assert.match(scene.pages.at(-1) ?? '', /At the beginning, 1,000 events are left out/);
});

test('watch --timeline draws the elections of a cluster when it ends', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const [first, second] = ['web-0', 'web-1'].map((name) => cluster.createPod({ name, namespace: 'shop' }));
  assert.ok(first !== undefined && second !== undefined);
  await createLease(cluster, { namespace: 'shop', owner: first });
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-timeline-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'elections.html');
  let handOver: Promise<void> | null = null;
  const args = ['watch', '-n', 'shop', '--timeline', file, '--kubeconfig', fileOf(t, cluster.kubeconfig())];
  const { code, complained } = await run(args, {
    until: (text) => {
      handOver ??= (async () => {
        await administer(cluster, 'DELETE', '/apis/coordination.k8s.io/v1/namespaces/shop/leases/web');
        await createLease(cluster, { namespace: 'shop', owner: second });
      })();
      return text.includes('elected web-1');
    },
  });
  await handOver;
  assert.deepEqual([code, complained], [0, '']);
  const page = readFileSync(file, 'utf8');
  const lines = linesOf(page).map((line) => line.replace(/^\S+ s /, '').replace(/\d+\)/, 'N)'));
  assert.deepEqual(lines, [
    'Lease web: is found: owned by web-0 (revision N)',
    'Lease web: is deleted',
    'Lease web: is created, owned by web-1 (revision N)',
  ]);
});

test('watch --timeline does not begin when the file cannot be written, and leaves no timer when the watch fails', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const kubeconfig = fileOf(t, cluster.kubeconfig());
  const missing = await run(['watch', '--timeline', '/nowhere/at/all.html', '--kubeconfig', kubeconfig]);
  assert.equal(missing.code, 2);
  assert.match(missing.complained, /^Cannot tell: ENOENT/);
  const stranger = fileOf(t, kubeconfigWith(cluster, 'no-token'));
  const { code } = await run(['watch', '--timeline', `${stranger}.html`, '--kubeconfig', stranger]);
  assert.equal(code, 2);
});
