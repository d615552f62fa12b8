/**
 * Permissions that are missing: what an elector does without, and that it says so once, with the rule to grant.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Warning } from '../../src/index.ts';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { CandidateProcess } from './candidate-process.ts';
import { fasterClock, TestCluster, until } from './cluster.ts';
import { pair } from './pair.ts';

const PODS = ['get', 'list', 'watch'];
/** The seconds until a refusal is believed, and the ten of patience without Pods, are a fraction of ours. */
const HASTE = 20;

describe('permissions', { concurrency: 8 }, () => {
  test('without update: the leader does not renew and does not say how long it lasts; one warning names the rule', async (t) => {
    const { cluster, leader, other, warnings } = await pair(
      t,
      {
        leases: ['get', 'list', 'watch', 'create', 'delete'],
        pods: PODS,
      },
      HASTE,
    );
    await until('it is said', () => warnings.length > 0);
    assert.equal(warnings[0]?.code, 'renew-forbidden');
    assert.match(warnings[0]?.message ?? '', /Grant `update` on leases\.coordination\.k8s\.io in namespace "shop"/);
    assert.equal(cluster.lease()?.spec?.['leaseDurationSeconds'], undefined);
    assert.equal(cluster.lease()?.spec?.['renewTime'], undefined);
    assert.equal(other.leader?.renewTimeAgeMs, null);
    await cluster.delete('pod', 'web-0');
    await until('the other leads', () => other.isLeader && !leader.isLeader);
    assert.deepEqual(new Set(warnings.map(({ code }) => code)), new Set(['renew-forbidden', 'pod-deleted']));
  });

  test('without delete: the successor waits for the garbage collector, and says so once', async (t) => {
    const cluster = await TestCluster.start(t, {
      permissions: { leases: ['get', 'list', 'watch', 'create', 'update'], pods: PODS },
    });
    const leader = cluster.elector(cluster.addPod('web-0'));
    await leader.start();
    const other = cluster.elector(cluster.addPod('web-1'), {}, { clock: fasterClock(HASTE) });
    const warnings: Warning[] = [];
    other.on('warning', (warning) => warnings.push(warning));
    await other.start();
    const releaseCollector = cluster.server.holdGarbageCollector();
    await cluster.delete('pod', 'web-0');
    await until('it was warned', () => warnings.length > 0);
    assert.equal(other.isLeader, false);
    releaseCollector();
    await until('the other leads', () => other.isLeader);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['delete-forbidden'],
    );
    assert.match(warnings[0]?.message ?? '', /Grant `delete` on leases\.coordination\.k8s\.io in namespace "shop"/);
  });

  test('without Pods: the successor waits for the garbage collector, and a while longer, and says so once', async (t) => {
    const cluster = await TestCluster.start(t, { permissions: { ...ALL_PERMISSIONS, pods: [] } });
    const leader = new CandidateProcess(t, cluster.addPod('web-0'));
    await leader.report('elected');
    const other = cluster.elector(cluster.addPod('web-1'), {}, { clock: fasterClock(HASTE) });
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

  test('the permissions of the sidecar suffice to be elected, to keep leadership, and to pass it on', async (t) => {
    const { cluster, leader, leaderJournal, other, warnings } = await pair(
      t,
      {
        leases: ['get', 'create', 'list', 'watch'],
        pods: PODS,
      },
      HASTE,
    );
    assert.equal(leader.isLeader, true);
    await until('it is said', () => warnings.length > 0);
    const releaseCollector = cluster.server.holdGarbageCollector();
    await cluster.delete('pod', 'web-0');
    await until('the other would delete the Lease', () => warnings.some(({ code }) => code === 'delete-forbidden'));
    assert.equal(other.isLeader, false);
    releaseCollector();
    await until('the other leads', () => other.isLeader && !leader.isLeader);
    assert.ok(leaderJournal.includes('demoted: pod-deleted'));
    await until('its renewal was refused', () => warnings.filter(({ code }) => code === 'renew-forbidden').length > 1);

    // Each of the two says each once; neither was ever renewed.
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

  test('a permission to watch that is missing is said, also when somebody leads already, and when it is there again', async (t) => {
    const cluster = await TestCluster.start(t);
    const leader = cluster.elector(cluster.addPod('web-0'));
    await leader.start();
    cluster.permit({ leases: ['get', 'list', 'create', 'update', 'delete'], pods: PODS });
    const other = cluster.elector(cluster.addPod('web-1'), {}, { clock: fasterClock(HASTE) });
    const warnings: Warning[] = [];
    other.on('warning', (warning) => warnings.push(warning));
    await other.start();
    await until('it is said', () => warnings.length > 0);
    assert.equal(warnings[0]?.code, 'read-forbidden');
    assert.match(warnings[0]?.message ?? '', /Grant `watch` on leases/);
    cluster.permit(ALL_PERMISSIONS);
    await until('it is there again', () => warnings.length > 1);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['read-forbidden', 'refusal-over'],
    );
  });
});
