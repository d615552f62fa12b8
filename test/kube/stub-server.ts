/**
 * A small HTTPS (or HTTP) server with the answers of the test, and service account files to reach it.
 *
 * It gives answers that the embedded API server never gives: half lines, invalid JSON, silence.
 */

import assert from 'node:assert/strict';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { RequestFailure } from '../../src/core/request-failure.ts';
import type { Answer } from '../../src/driver/ports.ts';
import { type Cluster, connectToCluster } from '../../src/kube/connect.ts';
import {
  TEST_CA_CERTIFICATE,
  TEST_SERVER_CERTIFICATE,
  TEST_SERVER_KEY,
} from '../../src/testing/access/test-certificate.ts';
import { PodFiles } from '../../src/testing/kit/pod-files.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

/** A request that the server received. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
  /** The number of the connection. */
  readonly socket: Socket;
}

/** Answers one request. */
export type Responder = (request: SeenRequest, response: ServerResponse) => void;

/** A running stub. */
export interface StubServer {
  readonly port: number;
  readonly seen: SeenRequest[];
  respond: Responder;
}

/** Starts a stub on loopback. It is closed at the end of the test. */
export async function startStub(
  t: TestContext,
  respond: Responder,
  protocol: 'https' | 'http' = 'https',
): Promise<StubServer> {
  const stub = { port: 0, seen: [] as SeenRequest[], respond };
  const listener = (incoming: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    incoming.on('error', () => {});
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const request: SeenRequest = {
        method: incoming.method ?? '',
        path: incoming.url ?? '',
        headers: incoming.headers,
        body: text === '' ? undefined : JSON.parse(text),
        socket: incoming.socket,
      };
      stub.seen.push(request);
      stub.respond(request, response);
    });
  };
  const server =
    protocol === 'https'
      ? createHttpsServer({ cert: TEST_SERVER_CERTIFICATE, key: TEST_SERVER_KEY }, listener)
      : createHttpServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stub.port = (server.address() as AddressInfo).port;
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return stub;
}

/** Answers with JSON. */
export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** A Status in the form of the API server. */
export function statusBody(
  code: number,
  reason: string,
  message: string,
  details: Record<string, unknown> = {},
): Record<string, unknown> {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code };
}

/** A directory like that of the kubelet. It is removed at the end of the test. */
export function serviceAccountDirectory(
  t: TestContext,
  files: { token?: string; ca?: string; namespace?: string } = {},
): string {
  const { token = 'first-token\n', ca: caPem = TEST_CA_CERTIFICATE, namespace = 'shop' } = files;
  const podFiles = new PodFiles();
  t.after(() => podFiles.remove());
  return podFiles.mount('web-0', { token, caPem, namespace });
}

/** A token like that of the kubelet, bound to a Pod. Its signature is not valid. */
export function boundToken(namespace: string, name: string, uid: string): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: 'system:serviceaccount:shop:web', 'kubernetes.io': { namespace, pod: { name, uid } } };
  return `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`;
}

/** A stub, and the cluster that a process in its Pod sees. */
export interface Connected {
  readonly stub: StubServer;
  readonly cluster: Cluster;
  readonly directory: string;
  readonly clock: ManualClock;
}

/** Connects to a stub like a process in its Pod. The clock is manual. */
export async function connectInPod(
  t: TestContext,
  respond: Responder,
  files: Parameters<typeof serviceAccountDirectory>[1] = {},
  environment: Record<string, string> = {},
): Promise<Connected> {
  const stub = await startStub(t, respond);
  const directory = serviceAccountDirectory(t, files);
  const clock = new ManualClock();
  const cluster = await connectToCluster({
    serviceAccountDirectory: directory,
    requestTimeoutMs: 5_000,
    clock,
    environment: {
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(stub.port),
      ...environment,
    },
    hostname: () => 'web-0',
  });
  t.after(() => cluster.close());
  return { stub, cluster, directory, clock };
}

/** Returns the value of an answer, and asserts that it is a success. */
export function successOf<Value>(answer: Answer<Value>): Value {
  assert.ok(answer.ok, answer.ok ? '' : answer.failure.message);
  return answer.value;
}

/** Returns the failure of an answer, and asserts that it is a failure. */
export function failureOf(answer: Answer<unknown>): RequestFailure {
  assert.ok(!answer.ok, 'expected a failure');
  return answer.failure;
}
