/**
 * Taking up the credentials: what passes is waited for, and everything else is an error at once.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enterCluster, type Surroundings } from '../src/enter-cluster.ts';
import { LeaseElectorError } from '../src/errors.ts';
import type { Cluster } from '../src/kube/connect.ts';
import { localPorts } from '../src/local.ts';
import { resolveOptions } from '../src/options.ts';
import { ManualClock } from './kube/manual-clock.ts';
import { until } from './kube/stub-server.ts';

const POD = { name: 'web-0', uid: 'pod-uid' };

/** Surroundings of which each attempt to connect ends with the next of these errors; then there is a cluster. */
function failing(errors: Error[]): { surroundings: Surroundings; clock: ManualClock; attempts: () => number } {
  const clock = new ManualClock();
  let attempts = 0;
  const cluster: Cluster = {
    identify: async () => ({ ok: true, value: { pod: POD, namespace: 'shop', lease: 'web' } }),
    ports: () => localPorts(POD),
    close: () => undefined,
  };
  const surroundings: Surroundings = {
    clock,
    random: { next: () => 0.5 },
    connect: async () => {
      attempts += 1;
      const error = errors.shift();
      if (error !== undefined) throw error;
      return cluster;
    },
    siblingLock: () => localPorts(POD).siblingLock,
  };
  return { surroundings, clock, attempts: () => attempts };
}

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: too bad`), { code });
}

function credentialsError(cause: Error): LeaseElectorError {
  return new LeaseElectorError('ERR_LEASE_ELECTOR_CREDENTIALS', 'token cannot be read', { cause });
}

test('credentials that cannot be read for lack of descriptors are tried again until there are some', async () => {
  const { surroundings, clock, attempts } = failing([
    credentialsError(errno('EMFILE')),
    credentialsError(errno('ENFILE')),
    errno('EAGAIN'),
    new Error('Cannot read package config: too many open files'),
  ]);
  const place = enterCluster(resolveOptions({ lease: 'web' }), surroundings, new AbortController().signal);
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    await until(() => attempts() === attempt && clock.timers.size === 1);
    clock.advance(60_000);
  }
  assert.deepEqual((await place).identity.pod, POD);
  assert.equal(attempts(), 5);
});

test('a shortage is no reason to lead alone, with `local: true` either', async () => {
  const { surroundings, clock, attempts } = failing([credentialsError(errno('EMFILE'))]);
  const place = enterCluster(resolveOptions({ local: true }), surroundings, new AbortController().signal);
  await until(() => attempts() === 1 && clock.timers.size === 1);
  clock.advance(60_000);
  assert.equal((await place).local, false);
});

test('credentials that cannot be read for another reason are an error at once', async () => {
  const { surroundings, attempts } = failing([credentialsError(errno('EACCES'))]);
  await assert.rejects(enterCluster(resolveOptions({}), surroundings, new AbortController().signal), {
    code: 'ERR_LEASE_ELECTOR_CREDENTIALS',
  });
  assert.equal(attempts(), 1);
});

test('an elector that is stopped does not wait for the end of a shortage', async () => {
  const { surroundings, clock, attempts } = failing([credentialsError(errno('EMFILE'))]);
  const controller = new AbortController();
  const place = enterCluster(resolveOptions({}), surroundings, controller.signal);
  await until(() => attempts() === 1 && clock.timers.size === 1);
  controller.abort();
  await assert.rejects(place, { code: 'ERR_LEASE_ELECTOR_STOPPED' });
  assert.equal(clock.timers.size, 0);
});
