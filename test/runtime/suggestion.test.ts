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

const LONG = 'a'.repeat(40);

/** A name, the known options, and the option that is suggested. */
const CLOSEST: Readonly<Record<string, readonly [name: string, known: readonly string[], suggested: string | null]>> = {
  'it has other letter cases and punctuation': ['NA_ME', ['pods', 'name'], 'name'],
  'it is as long as the longest name': [LONG, [LONG], LONG],
  'it is longer than the longest name': [`${LONG}a`, [`${LONG}a`], null],
  'one of four characters differs': ['lose', ['lase'], 'lase'],
  'two of four characters differ': ['lxye', ['lase'], null],
  'two of five characters differ': ['loaze', ['lease'], 'lease'],
  'three of five characters differ': ['loazy', ['lease'], null],
  'two neighbors are swapped': ['lsae', ['lase'], 'lase'],
  'two neighbors are swapped, and another character differs': ['alsx', ['lase'], null],
  'a character has moved to the left, in the place of another': ['lsxe', ['lase'], null],
  'a character has moved to the right, in the place of another': ['lxae', ['lase'], null],
  'two options are equally close': ['rate', ['date', 'late'], 'date'],
  'a later option is closer': ['loaze', ['loaxy', 'loazes'], 'loazes'],
};

for (const [when, [name, known, suggested]] of Object.entries(CLOSEST)) {
  test(`suggestionFor returns ${suggested === LONG ? 'the option' : suggested} for a name when ${when}`, () => {
    assert.equal(suggestionFor(name, known, true), suggested);
  });
}
