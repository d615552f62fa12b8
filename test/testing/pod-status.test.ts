import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endedStatus, restartedStatus } from '../../src/testing/kinds/pod-status.ts';
import type { ApiObject } from '../../src/testing/objects/api-object.ts';

const NOW = '2026-03-01T10:00:00Z';
const STARTED = '2026-03-01T09:00:00Z';
const METADATA = { name: 'web-0', uid: 'u', resourceVersion: '1', creationTimestamp: STARTED };

const RUNNING: ApiObject = {
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: METADATA,
  status: {
    phase: 'Running',
    conditions: [
      { type: 'PodScheduled', status: 'True' },
      { type: 'Ready', status: 'True' },
    ],
    containerStatuses: [{ name: 'main', restartCount: 1, ready: true, state: { running: { startedAt: STARTED } } }],
  },
};

test('an ended Pod has its phase and terminated containers, and is not ready', () => {
  const status = endedStatus(RUNNING, { phase: 'Failed', exitCode: 3, reason: 'Evicted', message: 'memory' }, NOW);
  assert.deepEqual(status, {
    phase: 'Failed',
    reason: 'Evicted',
    message: 'memory',
    conditions: [
      { type: 'PodScheduled', status: 'True' },
      { type: 'Ready', status: 'False', lastTransitionTime: NOW },
    ],
    containerStatuses: [
      {
        name: 'main',
        restartCount: 1,
        ready: false,
        started: false,
        state: { terminated: { exitCode: 3, reason: 'Error', startedAt: STARTED, finishedAt: NOW } },
      },
    ],
  });
});

test('a restarted container has its previous state, and one more restart', () => {
  assert.deepEqual(restartedStatus(RUNNING, 0, NOW), {
    containerStatuses: [
      {
        name: 'main',
        restartCount: 2,
        ready: true,
        lastState: { terminated: { exitCode: 0, reason: 'Completed', startedAt: STARTED, finishedAt: NOW } },
        state: { running: { startedAt: NOW } },
      },
    ],
  });
});

test('a Pod that never ran has no containers to report', () => {
  const pending: ApiObject = { kind: 'Pod', apiVersion: 'v1', metadata: METADATA, status: { phase: 'Pending' } };
  assert.deepEqual(endedStatus(pending, { phase: 'Succeeded', exitCode: 0 }, NOW), {
    phase: 'Succeeded',
    conditions: [],
    containerStatuses: [],
  });
  assert.deepEqual(restartedStatus(pending, 0, NOW), { containerStatuses: [] });
  const bare: ApiObject = { ...pending, status: { containerStatuses: [{ name: 'main' }] } };
  assert.deepEqual(restartedStatus(bare, 137, NOW), {
    containerStatuses: [
      {
        name: 'main',
        restartCount: 1,
        lastState: { terminated: { exitCode: 137, reason: 'Error', startedAt: NOW, finishedAt: NOW } },
        state: { running: { startedAt: NOW } },
      },
    ],
  });
});
