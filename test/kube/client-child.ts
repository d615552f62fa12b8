/**
 * A process that reads a Lease and opens a watch with the client of this library, and prints the results as JSON. Only a
 * separate process can show the effect of its environment, its stderr and its memory.
 *
 * Its argument is JSON: a `Task`.
 */

import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { ApiClient } from '../../src/kube/api-client.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { kubeConfigCredentials, podCredentials, type UsedKubeConfig } from '../../src/kube/credentials.ts';
import { leaseWatchPort } from '../../src/kube/lease-api.ts';
import { systemClock } from '../../src/runtime/clock.ts';

/** The task of the process. */
export interface Task {
  /** The service account's files; the address is in the environment. */
  readonly directory?: string;
  /** Used in place of the service account: the address, and what a KubeConfig adds to the options of each request. */
  readonly kubeConfig?: { readonly server: string; readonly skipTLSVerify: boolean; readonly options: object };
  /** Measures the memory after this many bytes of the answer, and of the watch, have arrived. */
  readonly measureAtBytes?: number;
}

/** The output of the process. */
export interface Report {
  readonly read: string;
  readonly watch: string;
  /** The memory that was added since the start, in bytes, each time that `measureAtBytes` was reached. */
  readonly grownBytes: readonly number[];
}

const READ: ApiRequest = {
  verb: 'get',
  apiGroup: 'coordination.k8s.io',
  resource: 'leases',
  namespace: 'shop',
  name: 'web',
};

const task: Task = JSON.parse(process.argv[2] ?? '{}');
const client = new ApiClient({
  credentials:
    task.kubeConfig === undefined
      ? podCredentials(process.env, task.directory ?? '', systemClock)
      : kubeConfigCredentials(kubeConfigOf(task.kubeConfig), null),
  requestTimeoutMs: 60_000,
  clock: systemClock,
});

const grownBytes: number[] = [];
if (task.measureAtBytes !== undefined) {
  const atBytes = task.measureAtBytes;
  const before = memoryBytes();
  subscribe('http.client.response.finish', (message) => {
    let received = 0;
    (message as { response: IncomingMessage }).response.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received === atBytes) grownBytes.push(memoryBytes() - before);
    });
  });
}

const answer = await client.request(READ);
const ended = await new Promise<string>((resolve) => {
  leaseWatchPort(client, 'shop', 'web').open('1', 300, {
    opened() {},
    event() {},
    ended: (failure) => resolve(failure?.kind ?? 'in order'),
  });
});
client.close();
const report: Report = { read: answer.ok ? 'ok' : answer.failure.kind, watch: ended, grownBytes };
process.stdout.write(JSON.stringify(report));

function kubeConfigOf({ server, skipTLSVerify, options }: NonNullable<Task['kubeConfig']>): UsedKubeConfig {
  return {
    getCurrentContext: () => 'x',
    getContextObject: () => null,
    getCurrentCluster: () => ({ name: 'c', server, skipTLSVerify }),
    async applyToHTTPSOptions(applied) {
      Object.assign(applied, options, skipTLSVerify ? { rejectUnauthorized: false } : {});
    },
  };
}

/** The memory in use after a garbage collection, in bytes. */
function memoryBytes(): number {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
