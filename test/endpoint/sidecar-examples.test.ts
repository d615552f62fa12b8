/**
 * Runs the examples of the sidecar's documentation against the endpoint with the real programs.
 */

import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { endpointEnvironment } from '../../src/endpoint/environment.ts';
import { until } from '../worlds/until.ts';
import { startServer } from './raw-client.ts';

const DOCUMENTED_MS = Date.parse('2022-10-18T10:59:58Z');

/** Skips with a reason when a program is not installed. */
function needs(command: string, argument: string): { readonly skip: string | false } {
  return { skip: spawnSync(command, [argument]).status === 0 ? false : `${command} is not installed` };
}

/** The output of a program that finds the endpoint in its environment. */
async function output(t: TestContext, name: string | null, command: string, args: string[]): Promise<string> {
  const { server, port } = await startServer(t);
  server.publish(name === null ? null : { name, lastUpdateMs: DOCUMENTED_MS });
  const env = { ...process.env, ...endpointEnvironment(port), no_proxy: '*' };
  return new Promise((resolve, reject) => {
    execFile(command, args, { env }, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
  });
}

test('curl $ELECTOR_PATH', needs('curl', '--version'), async (t) => {
  const shell = ['-c', 'curl --silent $ELECTOR_PATH'];
  const name = 'my-app-5549b5cf8-l4kmz';
  assert.equal(await output(t, name, 'sh', shell), `{"name":"${name}","last_update":"2022-10-18T10:59:58Z"}`);
  assert.equal(await output(t, null, 'sh', shell), '{}');
});

test('curl reads the URL', needs('curl', '--version'), async (t) => {
  assert.equal(
    await output(t, 'pod-a', 'sh', ['-c', 'curl --silent $ELECTOR_GET_URL']),
    '{"name":"pod-a","last_update":"2022-10-18T10:59:58Z"}',
  );
});

test('curl reads the stream', needs('curl', '--version'), async (t) => {
  const { server, port } = await startServer(t);
  const { ELECTOR_SSE_URL } = endpointEnvironment(port);
  const curl = spawn('curl', ['--silent', '--no-buffer', '--noproxy', '*', ELECTOR_SSE_URL]);
  t.after(() => curl.kill());
  let printed = '';
  curl.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  await until(() => printed.includes('retry: 1000\n\n'));
  server.publish({ name: 'pod-a', lastUpdateMs: DOCUMENTED_MS });
  const event = 'data: {"name":"pod-a","last_update":"2022-10-18T10:59:58Z"}\n\n';
  await until(() => printed.includes(event));
  assert.equal(printed, `data: {}\n\nretry: 1000\n\n${event}`);
  await server.close();
  assert.deepEqual(await once(curl, 'exit'), [0, null], 'the end of the stream is not an error');
});

test('fetch reads the name, which is compared with the hostname', async (t) => {
  const { server, port } = await startServer(t);
  server.publish({ name: hostname(), lastUpdateMs: DOCUMENTED_MS });
  const answer = await fetch(endpointEnvironment(port).ELECTOR_GET_URL);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  assert.deepEqual(await answer.json(), { name: hostname(), last_update: '2022-10-18T10:59:58Z' });
});

test('a Java program that compares the name with its hostname', needs('java', '-version'), async (t) => {
  const source = fileURLToPath(new URL('LeaderCheck.java', import.meta.url));
  const runs = [hostname(), 'another-pod'].map((name) => output(t, name, 'java', [source]));
  const [own, others] = await Promise.all(runs);
  const json = (name: string): string => `{"name":"${name}","last_update":"2022-10-18T10:59:58Z"}\n`.repeat(2);
  assert.equal(own, `${json(hostname())}leader: true\n`);
  assert.equal(others, `${json('another-pod')}leader: false\n`);
});
