/**
 * Holds the same connections as an elector, over `node:https` alone: a watch on the Lease, a watch on the leader's Pod,
 * and one for requests. It has the same timers. If there is no Lease, it creates one and renews it. It has no rule of
 * safety.
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

interface Lease {
  readonly metadata: { readonly resourceVersion: string };
  readonly spec: { readonly holderIdentity: string; renewTime?: string };
}

interface List {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly Lease[];
}

function send(agent: Agent, method: string, path: string, body?: object): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? null : JSON.stringify(body);
    const sent = request(
      {
        agent,
        ca,
        method,
        path,
        hostname: process.env['KUBERNETES_SERVICE_HOST'],
        port: process.env['KUBERNETES_SERVICE_PORT'],
        headers: {
          authorization: `Bearer ${token}`,
          ...(text === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end(text ?? undefined);
  });
}

async function read(response: IncomingMessage): Promise<unknown> {
  let answer = '';
  for await (const chunk of response.setEncoding('utf8')) answer += chunk;
  return JSON.parse(answer);
}

async function list(collection: string, name: string): Promise<List> {
  return (await read(await send(requests, 'GET', `${collection}?fieldSelector=metadata.name%3D${name}`))) as List;
}

/** Lists, then watches until it is silent for too long, as the library does. */
async function watch(collection: string, name: string): Promise<List> {
  const listed = await list(collection, name);
  const { resourceVersion } = listed.metadata;
  const response = await send(
    streams,
    'GET',
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

function now(): string {
  return new Date().toISOString().replace('Z', '000Z');
}

const leases = `/apis/coordination.k8s.io/v1/namespaces/${claims.namespace}/leases`;
const pods = `/api/v1/namespaces/${claims.namespace}/pods`;
const [found] = (await watch(leases, lease)).items;
if (found === undefined) {
  const owner = { apiVersion: 'v1', kind: 'Pod', name: claims.pod.name, uid: claims.pod.uid };
  const created = await send(requests, 'POST', leases, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: lease, ownerReferences: [owner] },
    spec: { holderIdentity: claims.pod.name, acquireTime: now() },
  });
  let own = (await read(created)) as Lease;
  setInterval(async () => {
    own.spec.renewTime = now();
    own = (await read(await send(requests, 'PUT', `${leases}/${lease}`, own))) as Lease;
  }, 10_000);
}
await watch(pods, found?.spec.holderIdentity ?? claims.pod.name);
setInterval(() => void list(leases, lease), 60_000);
writeSync(1, `${found === undefined ? 'elected' : 'following'} ${process.hrtime.bigint()}\n`);
