/**
 * Checks an election without a cluster: it must be requested, it warns, and otherwise it behaves as in a cluster.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, symlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { LeaseElectorOptions, Term, Warning } from '../../src/index.ts';
import { LeaseElector } from '../../src/lease-elector.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { EmbeddedCluster } from '../../src/testing/index.ts';
import { journalOf, runtimeOf } from '../integration/cluster.ts';
import { serviceAccountDirectory } from '../kube/stub-server.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';

const NOWHERE = (): string => '/does/not/exist';

/** A symbolic link to nothing. */
function linked(path: string): string {
  symlinkSync('/does/not/exist', path);
  return path;
}

/** An elector without a cluster. Its clock is manual. */
function localElector(
  t: TestContext,
  options: LeaseElectorOptions = {},
): { elector: LeaseElector; clock: ManualClock } {
  const clock = new ManualClock();
  const elector = new LeaseElector({ local: true, ...options }, { ...runtimeOf({}), clock });
  t.after(() => elector.stop());
  return { elector, clock };
}

test('a local elector leads at once and warns that it leads alone', async (t) => {
  const terms: Term[] = [];
  const { elector, clock } = localElector(t, { onElected: (term) => terms.push(term) });
  const warnings: Warning[] = [];
  elector.on('warning', (warning) => warnings.push(warning));
  const journal = journalOf(elector);
  await elector.start();
  assert.deepEqual(journal, ['warning: local', 'elected', `leader: ${hostname()}`]);
  assert.match(warnings[0]?.message ?? '', /no cluster here and the option local is set: .* leads alone/);
  assert.deepEqual([elector.isLeader, elector.state], [true, 'leader']);
  clock.advance(0);
  await until('the work began', () => terms.length === 1);
  assert.equal(terms[0], elector.term);
  assert.equal(elector.term?.resumed, false);
});

test('explain() says that there is no cluster', async (t) => {
  const { elector } = localElector(t);
  elector.on('warning', () => undefined);
  await elector.start();
  assert.match(
    elector.explain().message,
    /^There is no cluster, and the option `local` is set, .*\. This process leads/,
  );
});

test('the warning is printed once when it has no listener', async (t) => {
  const printed: Error[] = [];
  const note = (warning: Error): void => {
    if (warning.message.includes('printed-pod')) printed.push(warning);
  };
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  const { elector } = localElector(t, { pod: { name: 'printed-pod', uid: 'a-uid', namespace: 'home' } });
  await elector.start();
  await until('it is printed', () => printed.length > 0);
  assert.deepEqual(
    printed.map(({ name, ...rest }) => [name, (rest as { code?: string }).code]),
    [['LeaseElectorWarning', 'local']],
  );
  assert.match(printed[0]?.message ?? '', /leads alone/);
});

test('a local elector has the name of the option pod', async (t) => {
  const { elector } = localElector(t, { pod: { name: 'laptop', uid: 'a-uid', namespace: 'home' }, lease: 'web' });
  await elector.start();
  assert.deepEqual([elector.leader?.name, elector.leader?.uid], ['laptop', 'a-uid']);
});

test('a local leader renews its Lease and keeps its token', async (t) => {
  const { elector, clock } = localElector(t);
  let renewals = 0;
  elector.on('renewed', () => {
    renewals += 1;
  });
  await elector.start();
  const token = elector.term?.fencingToken;
  for (let count = 1; count <= 3; count += 1) {
    clock.advance(10_000);
    await until('it has renewed', () => renewals === count);
    assert.equal(elector.unverifiedForMs, 0);
  }
  assert.equal(elector.term?.fencingToken, token);
});

test('a local elector reports no failure and no warning for days', async (t) => {
  const { elector, clock } = localElector(t);
  const journal = journalOf(elector);
  await elector.start();
  for (let minutes = 0; minutes < 60; minutes += 1) {
    clock.stall(60_000);
    await new Promise((resolve) => process.nextTick(resolve));
  }
  await until('it is verified', () => elector.unverifiedForMs === 0);
  assert.deepEqual(journal, ['warning: local', 'elected', `leader: ${hostname()}`]);
});

test('a local leader leads again after its stepDown() and the pause', async (t) => {
  const { elector, clock } = localElector(t);
  const journal = journalOf(elector);
  await elector.start();
  const before = elector.term as Term;
  await elector.stepDown();
  assert.deepEqual([elector.isLeader, elector.state, elector.leader], [false, 'candidate', undefined]);
  assert.equal(before.signal.aborted, true);
  clock.advance(9_000);
  assert.equal(elector.isLeader, false);
  await until('it leads again', () => {
    clock.advance(500);
    return elector.isLeader;
  });
  const after = elector.term as Term;
  assert.ok(after.fencingToken > before.fencingToken);
  assert.notEqual(after.leaseUid, before.leaseUid);
  assert.deepEqual(journal, [
    'warning: local',
    'elected',
    `leader: ${hostname()}`,
    'demoted: stepped-down',
    'leader: nobody',
    'elected',
    `leader: ${hostname()}`,
  ]);
});

for (const release of [false, true]) {
  test(`stop({ release: ${release} }) leaves no timer behind`, async (t) => {
    const { elector, clock } = localElector(t);
    const journal = journalOf(elector);
    await elector.start();
    await elector.stop({ release });
    assert.equal(journal.at(-1), 'stopped');
    assert.equal(clock.timers.size, 0);
  });
}

test('a local elector does not warn when stop() is called before it has found that there is no cluster', async (t) => {
  const { elector } = localElector(t);
  const journal = journalOf(elector);
  const rejected = assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_STOPPED' });
  await elector.stop();
  await rejected;
  // The elector has loaded the same module by then.
  await import('../../src/joining/local-election.ts');
  await new Promise<void>((resolve) => systemClock.setTimer(0, resolve));
  assert.deepEqual(journal, ['stopped']);
});

test('two local electors are independent', async (t) => {
  const [one, other] = [localElector(t).elector, localElector(t).elector];
  await one.start();
  await other.start();
  assert.deepEqual([one.isLeader, other.isLeader], [true, true]);
});

test('tokens grow from run to run with the clock, for any number of terms and renewals', async (t) => {
  let clock = new ManualClock();
  const tokens: bigint[] = [];
  for (let run = 0; run < 5; run += 1) {
    const wallMs = clock.wallMs() + 1;
    clock = new ManualClock();
    clock.jumpWall(wallMs - clock.wallMs());
    const elector = new LeaseElector({ local: true, renewIntervalMs: 100 }, { ...runtimeOf({}), clock });
    t.after(() => elector.stop());
    elector.on('elected', ({ fencingToken }) => tokens.push(fencingToken));
    await elector.start();
    for (let renewals = 0; renewals < 20; renewals += 1) clock.advance(100);
    await elector.stepDown();
    await until('it leads again', () => {
      clock.advance(500);
      return elector.isLeader;
    });
    await elector.stop();
  }
  assert.equal(tokens.length, 10);
  assert.ok(
    tokens.every((token, index) => index === 0 || token > (tokens[index - 1] ?? 0n)),
    tokens.join(' '),
  );
});

test('tokens grow within a run when the clock is set back', async (t) => {
  const { elector, clock } = localElector(t);
  const tokens: bigint[] = [];
  elector.on('elected', ({ fencingToken }) => tokens.push(fencingToken));
  await elector.start();
  clock.jumpWall(-3_600_000);
  await elector.stepDown();
  await until('it leads again', () => {
    clock.advance(500);
    return elector.isLeader;
  });
  assert.ok((tokens[1] ?? 0n) > (tokens[0] ?? 0n), tokens.join(' '));
});

test('a local candidate follows for ever and warns that there is no leader', async (t) => {
  const ran: unknown[] = [];
  const { elector, clock } = localElector(t, { local: 'candidate', onElected: () => ran.push('onElected') });
  const journal = journalOf(elector);
  const warnings: Warning[] = [];
  elector.on('warning', (warning) => warnings.push(warning));
  await elector.start();
  for (let minutes = 0; minutes < 60; minutes += 1) {
    clock.stall(60_000);
    await new Promise((resolve) => process.nextTick(resolve));
  }
  const job = elector.leaderOnly(() => ran.push('job'));
  assert.equal(await job(), undefined);
  assert.deepEqual([elector.isLeader, elector.state, elector.leader?.name], [false, 'candidate', 'local-leader']);
  assert.equal(elector.explain().reason, 'following');
  assert.deepEqual(journal, ['warning: local', 'leader: local-leader']);
  assert.match(
    warnings[0]?.message ?? '',
    /the option local is 'candidate': .* waits for a leader that does not exist/,
  );
  await assert.rejects(elector.stepDown(), { code: 'ERR_LEASE_ELECTOR_NOT_LEADER' });
  await elector.stop({ release: true });
  assert.deepEqual([ran, clock.timers.size], [[], 0]);
});

test('LEASE_ELECTOR_LOCAL replaces the option local, but not in a cluster', async (t) => {
  process.env['LEASE_ELECTOR_LOCAL'] = 'candidate';
  try {
    const { elector } = localElector(t);
    await elector.start();
    assert.equal(elector.state, 'candidate');
    process.env['LEASE_ELECTOR_LOCAL'] = 'leader';
    const runtime = runtimeOf({ KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1' });
    const inCluster = new LeaseElector({ serviceAccountDirectory: '/does/not/exist' }, runtime);
    t.after(() => inCluster.stop());
    await assert.rejects(inCluster.start(), { code: 'ERR_LEASE_ELECTOR_CREDENTIALS' });
    assert.equal(inCluster.isLeader, false);
  } finally {
    delete process.env['LEASE_ELECTOR_LOCAL'];
  }
});

test('a LEASE_ELECTOR_LOCAL that is ignored because of the option kubeConfig is reported once', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  process.env['LEASE_ELECTOR_LOCAL'] = 'leader';
  t.after(() => delete process.env['LEASE_ELECTOR_LOCAL']);
  const pod = await cluster.createPod({ namespace: 'shop', name: 'web-0', labels: { app: 'web' } });
  const warnings: Warning[] = [];
  const options: LeaseElectorOptions = pod.electorOptions();
  const elector = new LeaseElector({ ...options, lease: 'web' });
  t.after(() => elector.stop());
  elector.on('warning', (warning) => warnings.push(warning));
  await elector.start();
  const ofVariable = warnings.filter(({ code }) => code === 'local');
  assert.equal(ofVariable.length, 1);
  assert.match(
    ofVariable[0]?.message ?? '',
    /^LEASE_ELECTOR_LOCAL is set, but it is ignored, because the option kubeConfig/,
  );
  await elector.stop({ release: true });
  process.env['LEASE_ELECTOR_LOCAL'] = 'false';
  const quiet = new LeaseElector({ ...options, lease: 'web' });
  t.after(() => quiet.stop());
  quiet.on('warning', (warning) => warnings.push(warning));
  await quiet.start();
  assert.equal(warnings.filter(({ code }) => code === 'local').length, 1);
});

test('the option local has no effect in a cluster', async (t) => {
  const clock = new ManualClock();
  const elector = new LeaseElector(
    { local: true, lease: 'web', serviceAccountDirectory: '/does/not/exist' },
    { ...runtimeOf({ KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '1' }), clock },
  );
  t.after(() => elector.stop());
  await assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_CREDENTIALS' });
});

const SIGNS: readonly (readonly [
  sign: string,
  environment: Readonly<Record<string, string>>,
  make: (directory: string) => string,
  expected: RegExp,
])[] = [
  ['a service account directory', {}, (directory) => directory, /service account directory \S+ exists/],
  [
    'an empty service account directory',
    {},
    (directory) => mkdtempSync(join(directory, 'empty-')),
    /service account directory/,
  ],
  [
    'a file in place of the service account directory',
    {},
    (directory) => join(directory, 'token'),
    /service account directory/,
  ],
  ['a link to nothing', {}, (directory) => linked(join(directory, 'link')), /service account directory/],
  ['a path that is invalid', {}, () => 'a\0b', /service account directory/],
  ['a host without a port', { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, NOWHERE, /KUBERNETES_SERVICE_HOST is set/],
  ['a port without a host', { KUBERNETES_SERVICE_PORT: '443' }, NOWHERE, /KUBERNETES_SERVICE_PORT is set/],
  ['a link variable', { KUBERNETES_PORT: 'tcp://10.0.0.1:443' }, NOWHERE, /KUBERNETES_PORT is set/],
  [
    'another link variable',
    { KUBERNETES_PORT_443_TCP_ADDR: '10.0.0.1' },
    NOWHERE,
    /KUBERNETES_PORT_443_TCP_ADDR is set/,
  ],
];
for (const [sign, environment, make, expected] of SIGNS) {
  test(`a process is in a cluster when it finds ${sign}`, async (t) => {
    const directory = make(serviceAccountDirectory(t));
    const elector = new LeaseElector({ local: true, serviceAccountDirectory: directory }, runtimeOf(environment));
    t.after(() => elector.stop());
    await assert.rejects(elector.start(), {
      code: 'ERR_LEASE_ELECTOR_CREDENTIALS',
      message: new RegExp(`${expected.source}.*Set KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT`),
    });
    assert.equal(elector.isLeader, false);
  });
}

test('other variables, empty ones and a missing directory do not indicate a cluster', async (t) => {
  const environment = { KUBERNETES_SERVICE_HOST: '', KUBECONFIG: '/x', KUBERNETES_PORTAL: 'x' };
  for (const directory of ['/does/not/exist', join(serviceAccountDirectory(t), 'token', 'below-a-file')]) {
    const elector = new LeaseElector({ local: true, serviceAccountDirectory: directory }, runtimeOf(environment));
    t.after(() => elector.stop());
    await elector.start();
    assert.equal(elector.isLeader, true);
  }
});

test('a process does not lead alone when KUBERNETES_SERVICE_PORT is invalid', async (t) => {
  const runtime = runtimeOf({
    KUBERNETES_SERVICE_HOST: '10.0.0.1',
    KUBERNETES_SERVICE_PORT: 'tcp://10.0.0.1:443',
  });
  const elector = new LeaseElector({ local: true }, runtime);
  t.after(() => elector.stop());
  await assert.rejects(elector.start());
  assert.equal(elector.isLeader, false);
});
