/**
 * examples/installation, the application that deploy/Dockerfile builds, with the installed package in a Pod.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EmbeddedCluster } from '../../src/testing/index.ts';
import { freePort } from '../worlds/free-port.ts';
import { project, ROOT } from './installed-package.ts';

test('the application answers the probes of its manifest, leads, and hands over on SIGTERM', async (t) => {
  const directory = await project(tmpdir(), 'lease-elector-installation', { 'package.json': '{ "type": "module" }' });
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  cpSync(join(ROOT, 'examples/installation/main.js'), join(directory, 'main.js'));
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const pod = cluster.createPod({ name: 'app-1' });
  const port = await freePort();
  const child = spawn(process.execPath, ['main.js'], {
    cwd: directory,
    env: { ...pod.env, SERVICE_ACCOUNT_DIRECTORY: pod.serviceAccountDirectory, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  let written = '';
  await new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      written += text;
      if (/^worked with token \d+$/m.test(written)) resolve();
    });
  });
  for (const path of ['/healthz', '/readyz']) {
    assert.equal((await fetch(`http://127.0.0.1:${port}${path}`)).status, 200, path);
  }
  await pod.delete();
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
  assert.equal(cluster.leader(), undefined, 'the Lease was released');
});
