/**
 * Holds by hand, over `node:https` alone, the connections that a candidate holds: a watch on the Lease, a
 * watch on the leader's Pod, and one for requests; with the same timers. It decides nothing.
 */

import { readFileSync, writeSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';

const directory = process.env['SERVICE_ACCOUNT_DIRECTORY'] ?? '';
const token = readFileSync(`${directory}/token`, 'utf8');
const ca = readFileSync(`${directory}/ca.crt`, 'utf8');
const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())['kubernetes.io'];
const lease = process.argv[2] ?? '';
const requests = new Agent({ keepAlive: true, maxSockets: 1 });
const streams = new Agent({ keepAlive: false });

interface List {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly { readonly spec: { readonly holderIdentity: string } }[];
}

function get(agent: Agent, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        ca,
        path,
        hostname: process.env['KUBERNETES_SERVICE_HOST'],
        port: process.env['KUBERNETES_SERVICE_PORT'],
        headers: { authorization: `Bearer ${token}` },
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end();
  });
}

async function list(collection: string, name: string): Promise<List> {
  const response = await get(requests, `${collection}?fieldSelector=metadata.name%3D${name}`);
  let answer = '';
  for await (const chunk of response.setEncoding('utf8')) answer += chunk;
  return JSON.parse(answer);
}

/** Lists, then watches until it is silent for too long, as the library does. */
async function watch(collection: string, name: string): Promise<List> {
  const listed = await list(collection, name);
  const { resourceVersion } = listed.metadata;
  const response = await get(
    streams,
    `${collection}?watch=true&allowWatchBookmarks=true&fieldSelector=metadata.name%3D${name}` +
      `&resourceVersion=${resourceVersion}&timeoutSeconds=300`,
  );
  const silence = setTimeout(() => process.exit(1), 75_000);
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    silence.refresh();
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) JSON.parse(line);
  });
  return listed;
}

const leases = `/apis/coordination.k8s.io/v1/namespaces/${claims.namespace}/leases`;
const { items } = await watch(leases, lease);
await watch(`/api/v1/namespaces/${claims.namespace}/pods`, items[0]?.spec.holderIdentity ?? '');
setInterval(() => void list(leases, lease), 60_000);
writeSync(1, `following ${process.hrtime.bigint()}\n`);
