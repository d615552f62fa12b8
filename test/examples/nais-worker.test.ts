/**
 * Workers in other languages request the endpoint of an elector. They work while their Pod leads. Without an answer
 * they wait.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { TestCluster } from '../integration/cluster.ts';
import { freePort } from '../worlds/free-port.ts';
import { ExampleProcess, eventually, exampleFile } from './example-process.ts';

const WORKERS = [
  { name: 'curl', needs: 'curl', flag: '--version', command: 'sh', file: 'nais-worker/worker.sh' },
  { name: 'Java', needs: 'java', flag: '-version', command: 'java', file: 'nais-worker/Worker.java' },
];

for (const { name, needs, flag, command, file } of WORKERS) {
  const skip = spawnSync(needs, [flag]).status === 0 ? false : `there is no ${needs} here`;
  test(`${name}: the worker works while its Pod leads, and waits when it receives no answer`, { skip }, async (t) => {
    const cluster = await TestCluster.start(t);
    const port = await freePort();
    const worker = new ExampleProcess(t, command, [exampleFile(file)], {
      ELECTOR_GET_URL: `http://localhost:${port}/`,
      HOSTNAME: 'web-1',
      no_proxy: '*',
    });
    /** Waits for two more lines: the worker sends the request for the second line after this call. */
    const prints = (word: string) => {
      const seen = worker.lines.length;
      return eventually(
        () => `the worker is ${word}; it wrote: ${worker.output}${worker.errors}`,
        () => worker.lines.length >= seen + 2 && worker.lines.at(-1) === word,
      );
    };
    await prints('waiting'); // No server listens yet.
    const another = cluster.elector(cluster.addPod('web-2'), { endpoint: { port } });
    await another.start();
    await prints('waiting'); // Another Pod leads.
    assert.equal(worker.lines.includes('working'), false);
    await another.stop({ release: true });
    const own = cluster.elector(cluster.addPod('web-1'), { endpoint: { port } });
    await own.start();
    await prints('working');
    await own.stop();
    await prints('waiting');
    assert.equal(worker.outcome, null);
  });
}
