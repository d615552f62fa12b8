/**
 * Checks the suggestion for the name of an option in another library.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suggestionFor } from '../../src/runtime/suggestion.ts';

/** A setting of this library, and its names elsewhere. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  onElected: ['callback', 'callbacks', 'onLeader', 'onStartedLeading'],
  kubeConfig: ['config'],
  podDeletionCost: ['deletionCost'],
  events: ['eventRecorder'],
  'endpoint.host': ['host'],
  'endpoint.port': ['port'],
  'pod.name': ['holderIdentity', 'hostname', 'id', 'identity', 'podName', 'POD_NAME'],
  'pod.namespace': ['leaseLockNamespace', 'leaseNamespace', 'namespace', 'podNamespace'],
  'pod.uid': ['podUid', 'uid'],
  leaderLabel: ['label', 'labelLeader'],
  leaseDurationSeconds: ['leaseDuration', 'leaseDurationMs', 'ttl'],
  lease: ['leaseLockName', 'leaseName', 'lock', 'lockName', 'name'],
  logger: ['log'],
  renewIntervalMs: ['renewInterval', 'retryPeriod', 'retryPeriodMs'],
  'stop({ release: true })': ['releaseOnCancel'],
  'the event demoted': ['onDemoted', 'onStoppedLeading'],
  'the event leaderChanged': ['onNewLeader'],
};

for (const [setting, names] of Object.entries(NAMES)) {
  test(`suggestionFor returns ${setting} when another library has another name for it`, () => {
    for (const name of names) assert.equal(suggestionFor(name, [], true), setting, name);
  });
}

test('suggestionFor returns nothing for a name of another library when the options are not those of the elector', () => {
  assert.equal(suggestionFor('ttl', [], false), null);
});
