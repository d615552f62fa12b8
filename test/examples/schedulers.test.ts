/**
 * The examples with schedulers, and the example with several elections. Each runs in two Pods of the embedded cluster.
 */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { build } from 'esbuild';
import { TestCluster, type TestPod } from '../integration/cluster.ts';
import { ExampleProcess, eventually, exampleFile } from './example-process.ts';

const EVERY_SECOND = '* * * * * *';

/**
 * Deletes the leader's Pod and sends SIGTERM to its process, as a rollout does. The Pod object stays until its
 * containers have ended.
 */
async function rollOut(cluster: TestCluster, pod: TestPod, leader: ExampleProcess): Promise<void> {
  await cluster.delete('pod', pod.name, { gracePeriodSeconds: 30 });
  leader.signal('SIGTERM');
}

/** Two Pods, of which the first leads. */
async function twoPods(t: TestContext, leases: readonly string[], run: (pod: TestPod) => ExampleProcess) {
  const cluster = await TestCluster.start(t);
  const [first, second] = [
    cluster.addPod('web-1', { nodeName: 'node-1' }),
    cluster.addPod('web-2', { nodeName: 'node-1' }),
  ];
  const leader = run(first);
  const led = (pod: TestPod) => () => leases.every((lease) => cluster.ownerUid(lease) === pod.uid);
  await eventually(
    () => 'the first Pod leads',
    () => {
      assert.equal(leader.outcome, null, leader.errors);
      return led(first)();
    },
  );
  const candidate = run(second);
  return { cluster, first, second, leader, candidate, secondLeads: led(second) };
}

for (const name of ['croner', 'node-cron']) {
  test(`${name}: only the leader runs the job, even after a failure, and a rollout hands over`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'lease-elector-example-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    // The directory of the report is missing at first, so the job fails.
    const reports = join(directory, 'reports');
    const REPORT_FILE = join(reports, 'report.log');
    const written = (): readonly string[] =>
      existsSync(REPORT_FILE) ? readFileSync(REPORT_FILE, 'utf8').trim().split('\n') : [];
    const terms = (): ReadonlySet<string> => new Set(written());
    const run = (pod: TestPod) =>
      ExampleProcess.inPod(t, exampleFile(`${name}/main.ts`), pod, { SCHEDULE: EVERY_SECOND, REPORT_FILE });
    const { cluster, first, leader, candidate } = await twoPods(t, [`${name}-report`], run);
    await leader.error(/the report failed: .*ENOENT/);
    mkdirSync(reports);
    await eventually(
      () => 'the report is written',
      () => terms().size === 1,
    );
    await candidate.line(/^the leader is web-1$/);
    const before = written().length;
    await eventually(
      () => 'the schedule was due again, twice',
      () => written().length >= before + 3,
    );
    assert.equal(terms().size, 1);
    assert.equal(candidate.errors, '', 'the candidate runs no job, so none of its jobs fails');
    await rollOut(cluster, first, leader);
    assert.equal(await leader.ended(), 0);
    await eventually(
      () => 'the successor writes the report',
      () => terms().size === 2,
    );
    candidate.signal('SIGTERM');
    assert.equal(await candidate.ended(), 0);
  });
}

test('several elections: each has its own Lease, and a rollout hands all of them over', async (t) => {
  const run = (pod: TestPod) => ExampleProcess.inPod(t, exampleFile('several-elections/main.ts'), pod);
  const { cluster, first, leader, candidate, secondLeads } = await twoPods(t, ['invoices', 'reminders'], run);
  const before = await Promise.all(['invoices', 'reminders'].map((job) => leader.line(new RegExp(`^${job} sent`))));
  assert.notEqual(before[0]?.split(' ').at(-1), before[1]?.split(' ').at(-1), 'two terms');
  assert.equal(candidate.output, '');
  await rollOut(cluster, first, leader);
  assert.equal(await leader.ended(), 0);
  await eventually(() => 'the second Pod leads both', secondLeads);
  for (const job of ['invoices', 'reminders']) await candidate.line(new RegExp(`^${job} sent`));
});

test('NestJS: a method with @LeaderOnly and @Cron runs in the leader, and the shutdown hooks hand over', async (t) => {
  // Node.js does not strip decorators, so the program is bundled. Its folder is one in which the packages are found.
  const outfile = exampleFile(`../node_modules/.cache/lease-elector-examples/nestjs-${process.pid}.mjs`);
  await build({
    entryPoints: [exampleFile('nestjs/main.ts')],
    tsconfig: exampleFile('nestjs/tsconfig.json'),
    outfile,
    bundle: true,
    packages: 'external',
    external: ['lease-elector'],
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
  });
  t.after(() => rmSync(outfile, { force: true }));
  const run = (pod: TestPod) => ExampleProcess.inPod(t, outfile, pod, { SCHEDULE: EVERY_SECOND, NO_COLOR: '1' });
  const { cluster, first, leader, candidate } = await twoPods(t, ['nestjs-jobs'], run);
  await leader.line(/^report written in term \d+$/);
  await eventually(
    () => 'the failure of the other job is logged',
    () => /nothing to clean up/.test(leader.output + leader.errors),
  );
  await candidate.line(/Nest application|dependencies initialized/);
  const reports = (): number => leader.lines.filter((line) => line.startsWith('report written')).length;
  const before = reports();
  await eventually(
    () => 'the schedule was due again, twice',
    () => reports() >= before + 3,
  );
  assert.doesNotMatch(candidate.output + candidate.errors, /report written|nothing to clean up/);
  await rollOut(cluster, first, leader);
  assert.equal(await leader.ended(), 'SIGTERM', 'NestJS ends the process by the signal that it received');
  await candidate.line(/^report written in term \d+$/);
  const lines = readFileSync(exampleFile('nestjs/lease-elector.module.ts'), 'utf8').trim().split('\n').length;
  assert.ok(lines < 80, `the module has ${lines} lines`);
});
