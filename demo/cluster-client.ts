/**
 * The director's own line to the API server: requests with JSON bodies, and a watch.
 *
 * It shares no code with the library on purpose: who checks must not see with the eyes of the checked.
 */

import type { IncomingMessage } from 'node:http';
import https from 'node:https';

/** How to reach a cluster as its administrator, and what its Pods need to reach it. */
export interface ClusterAccess {
  /** For people: which cluster this is. */
  readonly title: string;
  readonly hostname: string;
  readonly port: number;
  /** The certificate authorities of the API server, as in a Pod's `ca.crt`. */
  readonly caPem: string;
  /** What a request needs to be let in: headers, certificates. */
  readonly authorize: () => Promise<https.RequestOptions>;
  /** How many requests the service accounts have made, where that can be known. */
  readonly countRequests?: () => number;
  readonly close: () => Promise<void>;
}

/** The parts of any object that the demo looks at. */
export interface ClusterObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly uid: string }[];
  };
  readonly spec?: { readonly holderIdentity?: string };
  readonly status?: { readonly token?: string };
}

/** A line of a watch. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: ClusterObject;
}

/** The API server refused a request. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
  readonly status: number;

  constructor(method: string, path: string, status: number, body: string) {
    super(`${method} ${path} was answered with ${status}: ${messageOf(body)}`);
    this.status = status;
  }
}

/** A request that is not answered after so many milliseconds has failed. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Asks the API server for things. */
export class ClusterClient {
  readonly #access: ClusterAccess;
  readonly #agent = new https.Agent({ keepAlive: true });
  readonly #watches = new Set<() => void>();

  constructor(access: ClusterAccess) {
    this.#access = access;
  }

  /**
   * @param token speaks for a service account instead of the administrator
   * @throws {RequestRefused} for any answer but 2xx
   */
  async request(method: string, path: string, body?: object, token?: string): Promise<ClusterObject> {
    const response = await this.#open(method, path, body, token);
    response.setEncoding('utf8');
    let text = '';
    for await (const chunk of response) text += chunk;
    const status = response.statusCode ?? 0;
    if (status < 200 || status > 299) throw new RequestRefused(method, path, status, text);
    return JSON.parse(text) as ClusterObject;
  }

  /**
   * Tells of every change below a list path from now on. A watch that the server ends in order is resumed
   * where it ended; anything else is told to `lost`, once, and is the end.
   */
  async watch(path: string, tell: (event: WatchEvent) => void, lost: (reason: string) => void): Promise<void> {
    const list = await this.request('GET', path);
    let over = false;
    const end = (): void => {
      over = true;
    };
    this.#watches.add(end);
    const follow = async (): Promise<void> => {
      let revision = list.metadata.resourceVersion;
      while (!over) {
        for await (const event of this.#lines(`${path}?watch=true&resourceVersion=${revision}`)) {
          if (over) return;
          if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') {
            throw new Error(`the watch of ${path} ended with ${JSON.stringify(event)}`);
          }
          revision = event.object.metadata.resourceVersion;
          tell(event);
        }
      }
    };
    follow().catch((error: unknown) => {
      if (!over) lost(error instanceof Error ? error.message : String(error));
    });
  }

  /** Ends watches and connections. */
  close(): void {
    for (const end of this.#watches) end();
    this.#agent.destroy();
  }

  async *#lines(path: string): AsyncGenerator<WatchEvent> {
    const response = await this.#open('GET', path, undefined, undefined);
    if (response.statusCode !== 200) throw new Error(`GET ${path} was answered with ${response.statusCode}`);
    response.setEncoding('utf8');
    let rest = '';
    for await (const chunk of response) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as WatchEvent;
    }
  }

  /** Resolves with the head of the answer. */
  async #open(
    method: string,
    path: string,
    body: object | undefined,
    token: string | undefined,
  ): Promise<IncomingMessage> {
    const { hostname, port, caPem, authorize } = this.#access;
    const authorization = token === undefined ? await authorize() : { headers: { authorization: `Bearer ${token}` } };
    const text = body === undefined ? undefined : JSON.stringify(body);
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return new Promise((resolve, reject) => {
      const request = https.request({
        ca: caPem,
        ...authorization,
        headers: {
          accept: 'application/json',
          ...(text === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
          ...(authorization.headers as Readonly<Record<string, string>>),
        },
        agent: this.#agent,
        hostname,
        port,
        method,
        path,
      });
      const timer = setTimeout(
        () => request.destroy(new Error(`${method} ${path} was not answered within ${REQUEST_TIMEOUT_MS / 1000} s`)),
        REQUEST_TIMEOUT_MS,
      );
      request.on('response', (response) => {
        clearTimeout(timer);
        resolve(response);
      });
      request.on('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      request.end(text);
    });
  }
}

function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body;
  } catch {
    return body;
  }
}
