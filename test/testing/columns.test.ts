import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsOf, formatAge } from '../../src/testing/formats/columns.ts';
import type { ApiObject } from '../../src/testing/index.ts';
import { EVENTS, PODS, type ResourceKind } from '../../src/testing/objects/resources.ts';

const NOW = Date.parse('2026-03-01T10:00:00Z');

function cell(kind: ResourceKind, name: string, fields: object): unknown {
  const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-03-01T09:00:00Z' };
  const object: ApiObject = { kind: kind.kind, apiVersion: 'v1', metadata, ...fields };
  return columnsOf(kind)
    .find((column) => column.name === name)
    ?.cell(object, NOW);
}

const running = { ready: true, state: { running: {} } };
const deleted = { metadata: { name: 'a', deletionTimestamp: '2026-03-01T10:00:00Z' } };

const PODS_SHOWN: readonly (readonly [rule: string, column: string, pod: object, shown: unknown])[] = [
  ['its phase', 'Status', { status: { phase: 'Pending' } }, 'Pending'],
  ['its own reason', 'Status', { status: { phase: 'Failed', reason: 'Evicted' } }, 'Evicted'],
  [
    'the reason of its first waiting container',
    'Status',
    {
      status: {
        phase: 'Running',
        containerStatuses: [{ state: { waiting: { reason: 'CrashLoopBackOff' } } }, running],
      },
    },
    'CrashLoopBackOff',
  ],
  [
    'the exit code of an ended container',
    'Status',
    { status: { containerStatuses: [{ state: { terminated: { exitCode: 3 } } }] } },
    'ExitCode:3',
  ],
  [
    'the signal that ended a container',
    'Status',
    { status: { containerStatuses: [{ state: { terminated: { exitCode: 137, signal: 9 } } }] } },
    'Signal:9',
  ],
  [
    'NotReady when one container has completed and another runs',
    'Status',
    { status: { containerStatuses: [{ state: { terminated: { reason: 'Completed' } } }, running] } },
    'NotReady',
  ],
  ['Terminating when it is being deleted', 'Status', { ...deleted, status: { phase: 'Running' } }, 'Terminating'],
  [
    'its phase when it has ended and is being deleted',
    'Status',
    { ...deleted, status: { phase: 'Succeeded' } },
    'Succeeded',
  ],
  ['Unknown when its node is lost', 'Status', { ...deleted, status: { reason: 'NodeLost' } }, 'Unknown'],
  [
    'the number of its ready containers',
    'Ready',
    { spec: { containers: [{}, {}] }, status: { containerStatuses: [running] } },
    '1/2',
  ],
  [
    'the number of its restarts',
    'Restarts',
    { status: { containerStatuses: [{ restartCount: 2 }, { restartCount: 1 }] } },
    '3',
  ],
  [
    'the time since its last restart',
    'Restarts',
    {
      status: {
        containerStatuses: [{ restartCount: 2, lastState: { terminated: { finishedAt: '2026-03-01T09:58:30Z' } } }],
      },
    },
    '2 (90s ago)',
  ],
  [
    'its readiness gates',
    'Readiness Gates',
    { spec: { readinessGates: [{ conditionType: 'x' }] }, status: { conditions: [{ type: 'x', status: 'True' }] } },
    '1/1',
  ],
];

for (const [rule, column, pod, shown] of PODS_SHOWN) {
  test(`a Pod shows ${rule}`, () => assert.equal(cell(PODS, column, pod), shown));
}

const EVENTS_SHOWN: readonly (readonly [column: string, event: object, shown: unknown])[] = [
  ['Last Seen', { firstTimestamp: '2026-03-01T09:50:00Z', lastTimestamp: '2026-03-01T09:59:55Z' }, '5s'],
  ['Last Seen', { eventTime: '2026-03-01T09:59:50.000000Z', lastTimestamp: null }, '10s'],
  ['Last Seen', { series: { count: 3, lastObservedTime: '2026-03-01T09:59:00.000000Z' } }, '60s'],
  ['First Seen', {}, '<unknown>'],
  ['Object', { involvedObject: { kind: 'Lease', name: 'election' } }, 'lease/election'],
  ['Source', { source: { component: 'elector', host: 'n1' } }, 'elector, n1'],
  ['Source', { source: {}, reportingComponent: 'elector', reportingInstance: '' }, 'elector'],
  ['Count', {}, 1],
  ['Count', { series: { count: 3 } }, 3],
];

for (const [column, event, shown] of EVENTS_SHOWN) {
  test(`an Event shows ${column} ${shown}`, () => assert.equal(cell(EVENTS, column, event), shown));
}

const AGES: readonly (readonly [seconds: number, shown: string])[] = [
  [-5, '<invalid>'],
  [119, '119s'],
  [120, '2m'],
  [125, '2m5s'],
  [11 * 60 + 5, '11m'],
  [3 * 3600, '3h'],
  [3 * 3600 + 60, '3h1m'],
  [9 * 3600 + 60, '9h'],
  [50 * 3600, '2d2h'],
  [10 * 86_400, '10d'],
  [731 * 86_400, '2y1d'],
  [9 * 365 * 86_400, '9y'],
];

for (const [seconds, shown] of AGES) {
  test(`an age of ${seconds} s is ${shown}`, () => assert.equal(formatAge(seconds * 1000), shown));
}
