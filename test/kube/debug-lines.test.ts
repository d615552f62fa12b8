/**
 * Checks the output of `DEBUG=lease-elector:kube`: the end of each request, and each repetition.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { json, serviceAccountDirectory, startStub, statusBody } from './stub-server.ts';

function urlOf(path: string): string {
  return JSON.stringify(fileURLToPath(new URL(`../../src/${path}`, import.meta.url)));
}

test('a process with DEBUG writes each answer, each failure and each repetition', async (t) => {
  const stub = await startStub(t, (request, response) => {
    if (stub.seen.length === 2) request.socket.destroy();
    else if (stub.seen.length < 4) json(response, 200, {});
    else json(response, 409, statusBody(409, 'Conflict', 'old'));
  });
  const program = `
    import { ApiClient } from ${urlOf('kube/api-client.ts')};
    import { podCredentials } from ${urlOf('kube/credentials.ts')};
    import { systemClock } from ${urlOf('runtime/clock.ts')};
    const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '${stub.port}' };
    const credentials = podCredentials(environment, ${JSON.stringify(serviceAccountDirectory(t))}, systemClock);
    const client = new ApiClient({ credentials, requestTimeoutMs: 60_000, clock: systemClock });
    const read = { verb: 'get', apiGroup: '', resource: 'pods', namespace: 'shop', name: 'web-0' };
    for (let request = 0; request < 3; request += 1) await client.request(read);
    client.close();
  `;
  const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    env: { PATH: process.env['PATH'], DEBUG: 'lease-elector:kube', DEBUG_COLORS: 'no' },
  });
  const lines = stderr.split('\n').flatMap((line) => line.split(' lease-elector:kube ').slice(1));
  const what = 'get pods "web-0" in namespace "shop"';
  assert.deepEqual(lines, [
    `${what}: 200`,
    `${what} is sent once more: its connection died`,
    `${what}: 200`,
    `${what}: 409`,
    `${what} was answered 409: old`,
  ]);
});
