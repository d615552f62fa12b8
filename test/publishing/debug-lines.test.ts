/**
 * Checks the output of `DEBUG=lease-elector:publishing`.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureOf } from '../driver/scripted-ports.ts';
import { debugOutput } from '../worlds/debug-output.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import { SELF } from './scripted-publisher.ts';

const OPTIONS = {
  clock: new ManualClock(),
  random: { next: () => 0.5 },
  warn: () => undefined,
  isOutageReported: () => false,
} as const;

/** A module reads `$DEBUG` when it is loaded, so the query loads it again. */
function loadAgain(file: string): Promise<unknown> {
  return import(new URL(`../../src/publishing/${file}?debug`, import.meta.url).href);
}

test('an outlet prints each failed attempt', async (t) => {
  const lines = debugOutput(t, 'lease-elector:publishing');
  const { Outlet } = (await loadAgain('outlet.ts')) as typeof import('../../src/publishing/outlet.ts');
  const publication = {
    isPending: true,
    recheckAfterMs: null,
    attempt: async () => failureOf('unavailable'),
    stop() {},
  };
  const outlet = new Outlet(publication, { code: 'event-create-failing', consequence: '', title: '' }, OPTIONS);
  await outlet.attempt();
  await outlet.attempt();
  await until('both are printed', () => lines.length === 2);
  for (const [index, line] of lines.entries()) {
    assert.match(line, new RegExp(`^lease-elector:publishing attempt ${index + 1} failed: unavailable`));
  }
});

test('a publisher prints the defect that ends it', async (t) => {
  const lines = debugOutput(t, 'lease-elector:publishing');
  const { Publisher } = (await loadAgain('publisher.ts')) as typeof import('../../src/publishing/publisher.ts');
  const reject = (): Promise<never> => Promise.reject(new Error('no port rejects'));
  const publisher = new Publisher({
    ...OPTIONS,
    port: { readPodMetadata: reject, patchPodMetadata: reject, createEvent: reject },
    wishes: { leaderLabel: null, podDeletionCost: null, events: true },
    self: SELF,
    lease: 'web',
    requestTimeoutMs: 10_000,
    ownPodGone: () => undefined,
  });
  publisher.elected({ fencingToken: '7', leaseUid: 'lease-1', acquireTimeMs: 0, resumed: false });
  await until('it is printed', () => lines.length === 1);
  assert.match(lines[0] ?? '', /^lease-elector:publishing publishing ends: Error: no port rejects/);
});
