/**
 * Workers in other languages at the endpoint of an elector: they work while their Pod leads, and not without an answer.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { TestCluster, until } from '../integration/cluster.ts';
import { freePort } from '../worlds/free-port.ts';
import { ExampleProcess, exampleFile } from './example-process.ts';

const WORKERS = [
  { name: 'curl', needs: 'curl', flag: '--version', command: 'sh', file: 'nais-worker/worker.sh' },
  { name: 'Java', needs: 'java', flag: '-version', command: 'java', file: 'nais-worker/Worker.java' },
];

for (const { name, needs, flag, command, file } of WORKERS) {
  const skip = spawnSync(needs, [flag]).status === 0 ? false : `there is no ${needs} here`;
  test(`${name}: the worker works while its Pod leads, and without an answer it waits`, { skip }, async (t) => {
    const cluster = await TestCluster.start(t);
    const port = await freePort();
    const environment = { ELECTOR_GET_URL: `http://localhost:${port}/`, no_proxy: '*' };
    const own = new ExampleProcess(t, command, [exampleFile(file)], { ...environment, HOSTNAME: 'web-1' });
    const other = new ExampleProcess(t, command, [exampleFile(file)], { ...environment, HOSTNAME: 'web-2' });
    await own.line(/^waiting$/); // Nobody listens yet.
    const elector = cluster.elector(cluster.addPod('web-1'), { endpoint: { port } });
    await elector.start();
    await own.line(/^working$/);
    await other.line(/^waiting$/);
    const worked = own.lines.length;
    await elector.stop();
    await until('the worker waits again', () => own.lines.length > worked && own.lines.at(-1) === 'waiting');
    assert.equal(other.lines.includes('working'), false);
    assert.deepEqual([own.outcome, other.outcome], [null, null]);
  });
}
