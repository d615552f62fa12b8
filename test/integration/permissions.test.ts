/**
 * Missing permissions: the elector works without them, and warns once with the rule to grant.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Warning } from '../../src/index.ts';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { until } from '../worlds/until.ts';
import { CandidateProcess } from './candidate-process.ts';
import { fasterClock, TestCluster } from './cluster.ts';
import { pair } from './pair.ts';

const PODS = ['get', 'list', 'watch'];
/**
 * The speed of the electors' clock: the seconds until a refusal counts, and the ten seconds of the wait without Pods,
 * take a fraction of that in real time.
 */
const SPEED = 20;

describe('permissions', { concurrency: 8 }, () => {
  test('the leader neither renews nor sets a duration, and warns once, when it is not permitted to update', async (t) => {
    const { cluster, leader, other, warnings } = await pair(
      t,
      {
        leases: ['get', 'list', 'watch', 'create', 'delete'],
        pods: PODS,
      },
      SPEED,
    );
    await until('the elector has warned', () => warnings.length > 0);
    assert.equal(warnings[0]?.code, 'renew-forbidden');
    assert.match(warnings[0]?.message ?? '', /Grant `update` on leases\.coordination\.k8s\.io in namespace "shop"/);
    assert.equal(cluster.lease()?.spec?.['leaseDurationSeconds'], undefined);
    assert.equal(cluster.lease()?.spec?.['renewTime'], undefined);
    assert.equal(other.leader?.renewTimeAgeMs, null);
    await cluster.delete('pod', 'web-0');
    await until('the other leads', () => other.isLeader && !leader.isLeader);
    assert.deepEqual(new Set(warnings.map(({ code }) => code)), new Set(['renew-forbidden', 'pod-deleted']));
  });

  test('the successor waits for the garbage collector, and warns once, when it is not permitted to delete', async (t) => {
    const cluster = await TestCluster.start(t, {
      permissions: { leases: ['get', 'list', 'watch', 'create', 'update'], pods: PODS },
    });
    const leader = cluster.elector(cluster.addPod('web-0'));
    await leader.start();
    const other = cluster.elector(cluster.addPod('web-1'), {}, { clock: fasterClock(SPEED) });
    const warnings: Warning[] = [];
    other.on('warning', (warning) => warnings.push(warning));
    await other.start();
    const releaseCollector = cluster.server.holdGarbageCollector();
    await cluster.delete('pod', 'web-0');
    await until('the elector has warned', () => warnings.length > 0);
    assert.equal(other.isLeader, false);
    releaseCollector();
    await until('the other leads', () => other.isLeader);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['delete-forbidden'],
    );
    assert.match(warnings[0]?.message ?? '', /Grant `delete` on leases\.coordination\.k8s\.io in namespace "shop"/);
  });

  test('the successor waits for the garbage collector and ten more seconds, and warns once, when it is not permitted to read Pods', async (t) => {
    const cluster = await TestCluster.start(t, { permissions: { ...ALL_PERMISSIONS, pods: [] } });
    const leader = new CandidateProcess(t, cluster.addPod('web-0'));
    await leader.report('elected');
    const other = cluster.elector(cluster.addPod('web-1'), {}, { clock: fasterClock(SPEED) });
    const warnings: Warning[] = [];
    other.on('warning', (warning) => warnings.push(warning));
    await other.start();
    await leader.kill();
    await cluster.delete('pod', 'web-0');
    await until('the other leads', () => other.isLeader);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['pod-read-forbidden'],
    );
    assert.match(warnings[0]?.message ?? '', /Grant `(get|list)` on pods in namespace "shop"/);
  });

  test('an elector is elected, leads and hands over when it has the permissions of the sidecar', async (t) => {
    const { cluster, leader, leaderJournal, other, warnings } = await pair(
      t,
      {
        leases: ['get', 'create', 'list', 'watch'],
        pods: PODS,
      },
      SPEED,
    );
    assert.equal(leader.isLeader, true);
    await until('the elector has warned', () => warnings.length > 0);
    const releaseCollector = cluster.server.holdGarbageCollector();
    await cluster.delete('pod', 'web-0');
    await until('the DELETE of the other was refused', () => warnings.some(({ code }) => code === 'delete-forbidden'));
    assert.equal(other.isLeader, false);
    releaseCollector();
    await until('the other leads', () => other.isLeader && !leader.isLeader);
    assert.ok(leaderJournal.includes('demoted: pod-deleted'));
    await until('its renewal was refused', () => warnings.filter(({ code }) => code === 'renew-forbidden').length > 1);

    // Each elector emits each warning once. Neither Lease was ever renewed.
    const ruleOf = new Map(warnings.map(({ code, message }) => [code, /Grant `\w+` on \w+/.exec(message)?.[0]]));
    assert.equal(ruleOf.get('renew-forbidden'), 'Grant `update` on leases');
    assert.equal(ruleOf.get('delete-forbidden'), 'Grant `delete` on leases');
    assert.deepEqual(warnings.map(({ code }) => code).sort(), [
      'delete-forbidden',
      'pod-deleted',
      'renew-forbidden',
      'renew-forbidden',
    ]);
    const { renewTime, leaseDurationSeconds } = cluster.lease()?.spec ?? {};
    assert.deepEqual([renewTime, leaseDurationSeconds], [undefined, undefined]);
  });

  test('an elector warns when `watch` is missing although there is a leader, and again when it is granted', async (t) => {
    const cluster = await TestCluster.start(t);
    const leader = cluster.elector(cluster.addPod('web-0'));
    await leader.start();
    cluster.permit({ leases: ['get', 'list', 'create', 'update', 'delete'], pods: PODS });
    const other = cluster.elector(cluster.addPod('web-1'), {}, { clock: fasterClock(SPEED) });
    const warnings: Warning[] = [];
    other.on('warning', (warning) => warnings.push(warning));
    await other.start();
    await until('the elector has warned', () => warnings.length > 0);
    assert.equal(warnings[0]?.code, 'read-forbidden');
    assert.match(warnings[0]?.message ?? '', /Grant `watch` on leases/);
    cluster.permit(ALL_PERMISSIONS);
    await until('the permission is granted again', () => warnings.length > 1);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['read-forbidden', 'refusal-over'],
    );
  });
});
