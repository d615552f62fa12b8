/**
 * A candidate written by hand, for comparison: it watches the Lease and the holder's Pod, and takes over when the Pod
 * is deleted. It has no rule of safety and handles no error. Its four variants differ in the requests of a failover.
 */

import { readFileSync } from 'node:fs';
import type { Agent as HttpAgent } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { Agent, request } from 'node:https';

/**
 * - `collector`: one connection; waits until the garbage collector has deleted the Lease, then creates it
 * - `one`: one connection; deletes the Lease and then creates it
 * - `two`: two kept connections; reads its own Pod beside the DELETE, and creates the Lease when it is gone
 * - `http2`: as `two`, with all requests and watches on one connection of HTTP/2
 */
export type Variant = 'collector' | 'one' | 'two' | 'http2';

interface Json {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly spec: { readonly holderIdentity: string };
  readonly items: readonly Json[];
}

interface Answer {
  readonly status: number;
  readonly body: Json;
}

interface Wire {
  ask(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Returns the function that ends the stream. */
  stream(path: string, line: (event: { readonly type: string; readonly object: Json }) => void): () => void;
  close(): void;
}

/** The Pod, the Lease and the API server of the candidate. */
export interface BareOptions {
  readonly lease: string;
  readonly directory: string;
  readonly host: string;
  readonly port: string;
  readonly variant: Variant;
  readonly elected: () => void;
}

/** Joins the election; resolves when a leader is known. Returns the function that ends it. */
export async function runBareCandidate(options: BareOptions): Promise<() => void> {
  const { lease, directory, variant, elected } = options;
  const token = readFileSync(`${directory}/token`, 'utf8');
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())['kubernetes.io'];
  const wire = variant === 'http2' ? await http2Wire(options, token) : http1Wire(options, token);
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${claims.namespace}/leases`;
  const pods = `/api/v1/namespaces/${claims.namespace}/pods`;
  const ownPod = `${pods}/${claims.pod.name}`;
  const select = (name: string): string => `fieldSelector=metadata.name%3D${name}`;
  let held: Json | null = null;
  let leads = false;
  let taking = false;
  let endPodWatch = (): void => {};
  let leaseGone = Promise.withResolvers<void>();

  function create(): Promise<Answer> {
    return wire.ask('POST', leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: lease,
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: claims.pod.name, uid: claims.pod.uid }],
      },
      spec: { holderIdentity: claims.pod.name, acquireTime: new Date().toISOString().replace('Z', '000Z') },
    });
  }

  function remove({ metadata }: Json): Promise<Answer> {
    const preconditions = { uid: metadata.uid, resourceVersion: metadata.resourceVersion };
    return wire.ask('DELETE', `${leases}/${lease}`, { apiVersion: 'v1', kind: 'DeleteOptions', preconditions });
  }

  async function takeOver(): Promise<void> {
    if (taking || held === null) return;
    taking = true;
    const old = held;
    if (variant === 'collector') await leaseGone.promise;
    if (variant === 'one') await remove(old);
    if (variant === 'two' || variant === 'http2') {
      // The read is sent first.
      const read = wire.ask('GET', ownPod);
      await Promise.all([read, Promise.race([leaseGone.promise, remove(old)])]);
    }
    const { status } = await create();
    taking = false;
    if (status === 201) {
      leads = true;
      endPodWatch();
      elected();
    }
  }

  async function follow(found: Json): Promise<void> {
    held = found;
    leaseGone = Promise.withResolvers<void>();
    endPodWatch();
    const { holderIdentity } = found.spec;
    if (holderIdentity === claims.pod.name) return;
    const { body } = await wire.ask('GET', `${pods}?${select(holderIdentity)}`);
    if (body.items.length === 0) return takeOver();
    const { resourceVersion } = body.metadata;
    endPodWatch = wire.stream(
      `${pods}?watch=true&${select(holderIdentity)}&resourceVersion=${resourceVersion}`,
      ({ type }) => {
        if (type === 'DELETED') void takeOver();
      },
    );
  }

  const { body: list } = await wire.ask('GET', `${leases}?${select(lease)}`);
  wire.stream(
    `${leases}?watch=true&${select(lease)}&resourceVersion=${list.metadata.resourceVersion}`,
    ({ type, object }) => {
      if (type === 'DELETED') leaseGone.resolve();
      if (type === 'ADDED' && !leads) void follow(object);
    },
  );
  // The second connection is open before it is needed.
  if (variant === 'two') await Promise.all([wire.ask('GET', ownPod), wire.ask('GET', `${leases}?${select(lease)}`)]);
  const found = list.items[0];
  if (found !== undefined) await follow(found);
  else if ((await create()).status === 201) {
    leads = true;
    elected();
  }
  return () => wire.close();
}

function splitLines(line: (event: { readonly type: string; readonly object: Json }) => void): (chunk: string) => void {
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) line(JSON.parse(text));
  };
}

function http1Wire({ directory, host, port, variant }: BareOptions, token: string): Wire {
  const ca = readFileSync(`${directory}/ca.crt`, 'utf8');
  const requests = new Agent({ keepAlive: true, maxSockets: variant === 'two' ? 2 : 1 });
  const streams = new Agent();
  const common = { ca, hostname: host, port };
  const authorization = `Bearer ${token}`;
  const send = (agent: HttpAgent, method: string, path: string, body: string | null) => {
    const content =
      body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request({ ...common, agent, method, path, headers: { authorization, ...content } });
    sent.on('error', () => {});
    sent.end(body ?? undefined);
    return sent;
  };
  return {
    ask: (method, path, body) =>
      new Promise((resolve) => {
        send(requests, method, path, body === undefined ? null : JSON.stringify(body)).on('response', (response) => {
          let answer = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            answer += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(answer) }));
        });
      }),
    stream(path, line) {
      const sent = send(streams, 'GET', path, null);
      sent.on('response', (response) => {
        response.on('error', () => {});
        response.setEncoding('utf8').on('data', splitLines(line));
      });
      return () => sent.destroy();
    },
    close() {
      requests.destroy();
      streams.destroy();
    },
  };
}

async function http2Wire({ directory, host, port }: BareOptions, token: string): Promise<Wire> {
  // Only this variant loads it, because the memory of the variants is compared.
  const { connect } = await import('node:http2');
  const session: ClientHttp2Session = connect(`https://${host}:${port}`, {
    ca: readFileSync(`${directory}/ca.crt`, 'utf8'),
  });
  session.on('error', () => {});
  const send = (method: string, path: string, body: string | null) => {
    const stream = session.request({
      ':method': method,
      ':path': path,
      authorization: `Bearer ${token}`,
      ...(body === null ? {} : { 'content-type': 'application/json' }),
    });
    stream.on('error', () => {});
    stream.setEncoding('utf8');
    stream.end(body ?? undefined);
    return stream;
  };
  return {
    ask: (method, path, body) =>
      new Promise((resolve) => {
        const stream = send(method, path, body === undefined ? null : JSON.stringify(body));
        let status = 0;
        let answer = '';
        stream.on('response', (headers) => {
          status = headers[':status'] ?? 0;
        });
        stream.on('data', (chunk: string) => {
          answer += chunk;
        });
        stream.on('end', () => resolve({ status, body: JSON.parse(answer) }));
      }),
    stream(path, line) {
      const stream = send('GET', path, null);
      stream.on('data', splitLines(line));
      return () => stream.close();
    },
    close: () => session.destroy(),
  };
}
