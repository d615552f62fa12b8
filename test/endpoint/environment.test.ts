/**
 * Checks the environment variables that an application of NAIS reads.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointEnvironment } from '../../src/endpoint/environment.ts';

test('the variables are those of NAIS by default', () => {
  assert.deepEqual(endpointEnvironment(4040), {
    ELECTOR_PATH: 'localhost:4040',
    ELECTOR_GET_URL: 'http://localhost:4040/',
    ELECTOR_SSE_URL: 'http://localhost:4040/sse',
  });
});

const PATHS: readonly [host: string, path: string][] = [
  ['127.0.0.1', '127.0.0.1:80'],
  ['::1', '[::1]:80'],
  ['0.0.0.0', 'localhost:80'],
  ['::', 'localhost:80'],
  ['10.0.0.7', 'localhost:80'],
  ['fd00::7', 'localhost:80'],
];

for (const [host, path] of PATHS) {
  test(`an endpoint on ${host} is found at ${path}`, () => {
    const { ELECTOR_PATH, ELECTOR_GET_URL } = endpointEnvironment(80, host);
    assert.equal(ELECTOR_PATH, path);
    assert.equal(new URL(ELECTOR_GET_URL).href, `http://${path.replace(/:80$/, '')}/`);
  });
}
