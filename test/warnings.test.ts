/**
 * Checks the parts of the warnings that depend on their arguments.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WarningCode } from '../src/index.ts';
import {
  apiReachable,
  apiUnreachable,
  localElection,
  localIgnored,
  writesAccepted,
  writesFailing,
} from '../src/warnings.ts';
import { failureOf } from './driver/scripted-ports.ts';

const FAILURE = failureOf('unavailable', 'connect ECONNREFUSED');

/** A warning, its code, and what its message contains. */
const ROWS: Readonly<Record<string, readonly [write: () => readonly [WarningCode, string], WarningCode, RegExp]>> = {
  'a leader without a cluster': [
    () => localElection('leader', 'local-1'),
    'local',
    /^There is no cluster here and the option local is set: local-1 leads alone\.$/,
  ],
  'a candidate without a cluster': [
    () => localElection('candidate', 'local-1'),
    'local',
    /^There is no cluster here and the option local is 'candidate': local-1 waits for a leader that does not exist\.$/,
  ],
  'a variable that the option kubeConfig overrides': [
    () => localIgnored(true),
    'local',
    /because the option kubeConfig names a cluster\. .* To lead without a cluster, leave the option kubeConfig out\./,
  ],
  'a variable that is set in a cluster': [
    () => localIgnored(false),
    'local',
    /because this process runs in a cluster\. .* To lead without a cluster, run this process outside of the cluster\./,
  ],
  'an API server that never answered': [
    () => apiUnreachable(10_000, null),
    'api-unreachable',
    /^No request to the API server has succeeded for 10 s\. If no other cause is named, /,
  ],
  'an API server that cannot be reached': [
    () => apiUnreachable(10_000, FAILURE),
    'api-unreachable',
    /^No request .* for 10 s; the last failure: connect ECONNREFUSED\. If no other cause is named, /,
  ],
  'an API server that answers again': [apiReachable, 'api-reachable', /^The API server answers again\.$/],
  'writes that were never answered': [
    () => writesFailing(10_000, null),
    'writes-failing',
    /^No write of the Lease has succeeded for 10 s, although the API server answers other requests\. Check /,
  ],
  'writes that fail': [
    () => writesFailing(10_000, FAILURE),
    'writes-failing',
    /for 10 s, although the API server answers other requests: connect ECONNREFUSED\. Check the admission webhooks /,
  ],
  'writes that are accepted again': [
    writesAccepted,
    'writes-accepted',
    /^The API server accepts writes of the Lease again\.$/,
  ],
};

for (const [what, [write, expected, pattern]] of Object.entries(ROWS)) {
  test(`the warning about ${what} has its code, and names its arguments`, () => {
    const [code, message] = write();
    assert.equal(code, expected);
    assert.match(message, pattern);
  });
}
