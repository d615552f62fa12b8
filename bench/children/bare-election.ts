/**
 * The fewest requests with which a script can be elected, over `node:https` alone: three on one connection and, after
 * the list, the watch of the Lease on another. It has no rule of safety, and handles no error. With `blind` as its
 * second argument it opens no watch.
 */

import { readFileSync, writeSync } from 'node:fs';
import { Agent, request } from 'node:https';

const directory = process.env['SERVICE_ACCOUNT_DIRECTORY'] ?? '';
const token = readFileSync(`${directory}/token`, 'utf8');
const ca = readFileSync(`${directory}/ca.crt`, 'utf8');
const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())['kubernetes.io'];
const lease = process.argv[2] ?? '';
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function ask(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ items?: unknown[]; metadata?: { uid: string; resourceVersion: string } }> {
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
      (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          answer += chunk;
        });
        response.on('end', () => resolve(JSON.parse(answer)));
      },
    );
    sent.on('error', reject);
    sent.end(text ?? undefined);
  });
}

const leases = `/apis/coordination.k8s.io/v1/namespaces/${claims.namespace}/leases`;
const selected = `${leases}?fieldSelector=metadata.name%3D${lease}`;
const list = await ask('GET', selected);
if (list.items?.length !== 0) throw new Error('somebody leads already');
if (process.argv[3] !== 'blind') {
  request({
    ca,
    agent: new Agent(),
    path: `${selected}&watch=true&allowWatchBookmarks=true&resourceVersion=${list.metadata?.resourceVersion}`,
    hostname: process.env['KUBERNETES_SERVICE_HOST'],
    port: process.env['KUBERNETES_SERVICE_PORT'],
    headers: { authorization: `Bearer ${token}` },
  })
    .on('response', (response) => response.resume())
    .end();
}
const pod = await ask('GET', `/api/v1/namespaces/${claims.namespace}/pods/${claims.pod.name}`);
if (pod.metadata?.uid !== claims.pod.uid) throw new Error('this Pod is gone');
const created = await ask('POST', leases, {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {
    name: lease,
    ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: claims.pod.name, uid: claims.pod.uid }],
  },
  spec: { holderIdentity: claims.pod.name, acquireTime: new Date().toISOString().replace('Z', '000Z') },
});
if (created.metadata?.uid === undefined) throw new Error('the Lease was not created');
writeSync(1, `elected ${process.hrtime.bigint()}\n`);
