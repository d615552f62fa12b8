/**
 * Checks whether the process that has a port answers like this endpoint: another worker of node:cluster, or a sidecar.
 */

import type { IncomingMessage } from 'node:http';
import type { Clock } from '../runtime/clock.ts';

/** The longest wait for an answer of the port's owner, in milliseconds. The owner runs on the same machine. */
export const PORT_OWNER_TIMEOUT_MS = 1_000;

/** The longest answer of an endpoint, in characters. A Pod's name has at most 253. */
const ANSWER_LIMIT = 1_024;

/** Sends one request `GET /`, and returns whether the answer is that of an endpoint. Never rejects. */
export function isAnsweredAsEndpoint(host: string, port: number, clock: Clock): Promise<boolean> {
  // Not imported: see kube/api-client.ts.
  const request = process.getBuiltinModule('node:http').get({ host, port, path: '/', agent: false });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = clock.setTimer(PORT_OWNER_TIMEOUT_MS, () => resolve(false), { background: true });
  request.once('response', (response) => readAnswer(response).then(resolve));
  request.on('error', () => resolve(false));
  return promise.finally(() => {
    timer.cancel();
    request.destroy();
  });
}

async function readAnswer(response: IncomingMessage): Promise<boolean> {
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk;
      if (text.length > ANSWER_LIMIT) return false;
    }
    const answer: unknown = JSON.parse(text);
    if (response.statusCode !== 200 || typeof answer !== 'object' || answer === null || Array.isArray(answer))
      return false;
    return Object.keys(answer).length === 0 || ('name' in answer && typeof answer.name === 'string');
  } catch {
    return false;
  }
}
