/**
 * `EmbeddedCluster.timeline()`: the writes of the server and the reports of electors, as a page.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseElector, type LeaseElectorOptions } from '../../src/index.ts';
import { EmbeddedCluster, type EmbeddedPod } from '../../src/testing/index.ts';
import { RECORDED_EVENT_LIMIT, TimelineRecorder } from '../../src/testing/kit/timeline-recorder.ts';
import { ApiServer } from '../../src/testing/server/api-server.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

/** The events in the table of a page, without their times. */
function eventsOf(page: string): readonly string[] {
  const rows = page.matchAll(/<tr[^>]* data-mark="\d+"><td>.*?<\/td><td>(.*?)<\/td><td>(.*?)<\/td><\/tr>/g);
  return [...rows].map(([, who, what]) =>
    `${who}: ${what}`.replace(/uid [\w-]+/, 'uid').replace(/(revision|token) \d+/, '$1'),
  );
}

async function lead(pod: EmbeddedPod, options: LeaseElectorOptions = {}): Promise<LeaseElector> {
  const elector = new LeaseElector({ ...pod.electorOptions(), ...options });
  await elector.start();
  return elector;
}

/** Asserts that these events are among those of the page, in this order. */
function assertInOrder(page: string, expected: readonly string[]): void {
  const events = eventsOf(page);
  let from = 0;
  for (const event of expected) {
    const index = events.indexOf(event, from);
    assert.notEqual(index, -1, `${event} is not after event ${from} of\n${events.join('\n')}`);
    from = index + 1;
  }
}

test('the timeline shows an election, a crash, an outage, a partition, a ghost and its successor', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const pod = cluster.createPod({ name: 'web-0' });
  await lead(pod);
  pod.crash();
  await pod.restartContainer();
  const elector = await lead(pod);
  await cluster.until(() => elector.isLeader);
  await cluster.stopServer();
  await cluster.restartServer();
  pod.partition();
  pod.heal();
  const next = cluster.createPod({ name: 'web-1' });
  const successor = await lead(next);
  await pod.forceDelete();
  await cluster.until(() => successor.isLeader && !elector.isLeader);
  await cluster.stop();
  const page = cluster.timeline({ title: 'One Pod after the other' });
  assert.match(page, /<h1>One Pod after the other<\/h1>/);
  assertInOrder(page, [
    'web-0: the Pod is created (uid)',
    'Lease app: is created, owned by web-0 (revision)',
    'web-0: is elected, fencing token',
    'web-0: the process crashes',
    'web-0#2: the process starts',
    'web-0#2: resumes its term, fencing token',
    'API server: goes down',
    'API server: answers again',
    'web-0#2: the process is cut off from the API server',
    'web-0#2: the process reaches the API server again',
    'web-1: the Pod is created (uid)',
    'web-0: the Pod is gone, deleted by force',
    'Lease app: is created, owned by web-1 (revision)',
    'web-1: is elected, fencing token',
  ]);
  // The order of these two depends on the faster watch.
  assert.match(eventsOf(page).join('\n'), /by force\n[\s\S]*web-0#2: is demoted: (pod-deleted|usurped)/);
  // The end of the cluster is not an event of the timeline.
  assert.equal(eventsOf(page).filter((event) => event.includes('web-1: the process')).length, 1);
});

test('the timeline shows a Pod that is deleted gracefully, and a Pod that fails', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const pod = cluster.createPod({ name: 'web-0', namespace: 'shop' });
  const elector = await lead(pod);
  await pod.delete();
  await elector.stop();
  await pod.confirmTermination();
  await cluster.createPod({ name: 'web-1' }).fail({ exitCode: 3 });
  assertInOrder(cluster.timeline(), [
    'Lease shop/app: is created, owned by web-0 (revision)',
    'web-0: is elected, fencing token',
    'web-0: the Pod is being deleted, and its process can end cleanly',
    'web-0: is demoted: stopped',
    'Lease shop/app: is released',
    'Lease shop/app: is deleted',
    'web-0: the process ends: its Pod is being deleted',
    'web-0: the Pod is gone',
    'web-1: the process crashes: exit code 3',
    'web-1: the Pod has the phase Failed',
  ]);
});

test('the timeline does not show electors of another cluster with the same names', async (t) => {
  const [one, other] = await Promise.all([EmbeddedCluster.start(), EmbeddedCluster.start()]);
  t.after(() => Promise.all([one.stop(), other.stop()]));
  one.createPod({ name: 'web-0' });
  await lead(other.createPod({ name: 'web-0' }));
  assert.deepEqual(eventsOf(one.timeline()), ['web-0: the Pod is created (uid)', 'web-0: the process starts']);
  assertInOrder(other.timeline(), ['web-0: is elected, fencing token']);
});

test('timeline() refuses an unknown option', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  assert.throws(() => cluster.timeline({ titel: 'x' } as object), /timeline knows no "titel"; it knows title, summary/);
});

test('the recorder keeps the latest events, and the page reports the number of lost events', () => {
  const clock = new ManualClock('2026-03-01T10:00:00Z');
  const recorder = new TimelineRecorder(new ApiServer({ clock }), clock);
  for (let index = 0; index <= RECORDED_EVENT_LIMIT; index += 1) {
    recorder.record({ type: 'noted', text: `note ${index}`, tone: 'note' });
  }
  recorder.close();
  const page = recorder.page({});
  assert.match(page, /<p class="omission">At the beginning, 1,000 events are left out: /);
  assert.ok(page.includes(`note ${RECORDED_EVENT_LIMIT}<`));
});
