/**
 * Sends requests to a server in process, and reads its watches.
 */

import { seededRandom } from '../../src/runtime/random.ts';
import { type ApiObject, ApiServer, type ApiServerOptions } from '../../src/testing/index.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

/** An answer; `body` is parsed and has the type that the test expects. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers of every shape.
  readonly body: any;
}

/** A watch from the side of its client. */
export interface WatchView {
  // biome-ignore lint/suspicious/noExplicitAny: see Answer.
  readonly events: { readonly type: string; readonly object: any }[];
  ended: boolean;
  error: Error | undefined;
  close(): void;
}

/** A server on a clock that only the test moves, with the namespace `ns`. */
export function makeServer(options: ApiServerOptions = {}): { server: ApiServer; clock: ManualClock } {
  const clock = new ManualClock('2026-03-01T10:00:00Z');
  const server = new ApiServer({ clock, random: seededRandom(1), adminToken: 'admin-token', ...options });
  server.createNamespace('ns');
  return { server, clock };
}

/**
 * Sends a request with a token, by default that of the administrator. With an empty token, the request is anonymous.
 */
export async function send(
  server: ApiServer,
  method: string,
  path: string,
  body?: unknown,
  options: { readonly token?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  const token = options.token ?? 'admin-token';
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await server.handle({
    method,
    path,
    headers: { ...(token === '' ? {} : { authorization: `Bearer ${token}` }), ...options.headers },
    ...(body === undefined ? {} : { body: text }),
  });
  const json = response.headers['content-type']?.startsWith('application/json') === true;
  const { status, headers } = response;
  return { status, headers, body: json && response.body !== undefined ? JSON.parse(response.body) : response.body };
}

/** Opens a watch and collects its events. */
export async function openWatch(server: ApiServer, path: string, token = 'admin-token'): Promise<WatchView> {
  const response = await server.handle({ method: 'GET', path, headers: { authorization: `Bearer ${token}` } });
  const { stream } = response;
  if (stream === undefined) throw new Error(`no watch, but ${response.status} ${response.body}`);
  const view: WatchView = { events: [], ended: false, error: undefined, close: () => stream.close() };
  stream.open(
    (chunk) => {
      for (const line of chunk.split('\n').filter((text) => text !== '')) view.events.push(JSON.parse(line));
    },
    (error) => {
      view.ended = true;
      view.error = error;
    },
  );
  return view;
}

/** The collection of leases in `ns`. */
export const LEASES_PATH = '/apis/coordination.k8s.io/v1/namespaces/ns/leases';
/** The collection of Pods in `ns`. */
export const PODS_PATH = '/api/v1/namespaces/ns/pods';

/** A Lease as a client sends it. */
export function leaseBody(name: string, more: { readonly metadata?: object; readonly spec?: object } = {}): object {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, ...more.metadata },
    spec: { holderIdentity: 'candidate-a', leaseDurationSeconds: 15, ...more.spec },
  };
}

/** Types and names of the events of a watch, such as `ADDED a`. */
export function summary(view: WatchView): readonly string[] {
  return view.events.map(({ type, object }) => `${type} ${(object as ApiObject).metadata.name ?? ''}`.trim());
}
