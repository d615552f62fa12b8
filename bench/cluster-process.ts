/**
 * The embedded API server in a process of its own, so that its work is not counted among that of the
 * measured processes. `embedded-cluster.ts` sends it commands over IPC.
 */

import { readFileSync } from 'node:fs';
import { ApiServer, type PodIdentity, type RequestLogEntry } from '../src/testing/index.ts';

/** The one namespace of a benchmark. */
export const NAMESPACE = 'bench';

/** The permissions of a candidate. */
export const RULES = [
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
  },
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
] as const;

/** A request, or a write of the collector or of an administrator. */
export interface LoggedEvent {
  /** The service account of the request; `cluster` for what the cluster did itself. */
  readonly by: string;
  /** `verb resource status` of a request; `type resource` of a write. */
  readonly what: string;
  /** When it was answered or committed, by the monotonic clock that all processes of a machine share, in milliseconds. */
  readonly atMs: number;
}

/** A Pod to create. */
export interface PodWish {
  readonly name: string;
  /** The value of its label `app`: the Pods of one application. */
  readonly app: string;
  /** Its service account. It is granted the rules of a candidate. */
  readonly account: string;
}

/** The commands of the cluster process. */
export interface ClusterCommands {
  start(argument: null): Promise<{ port: number; caPem: string }>;
  /** Creates a Pod and the token that the kubelet would mount into it. */
  createPod(wish: PodWish): { pod: PodIdentity; token: string };
  /** Deletes a Pod; returns the moment of the answer. */
  deletePod(deletion: { readonly name: string; readonly gracefully: boolean }): Promise<number>;
  /** Stops the collector, or lets it continue. */
  holdCollector(held: boolean): void;
  /** The requests and writes since the last call. */
  takeLog(argument: null): LoggedEvent[];
  /** Ends all connections and listens again after some time; returns the moment at which it listens again. */
  breakDown(forMs: number): Promise<number>;
  /** The resident memory of this process, in MiB. */
  memoryMib(argument: null): number;
}

/** A command, and its answer. */
export interface Command {
  readonly id: number;
  readonly name: keyof ClusterCommands;
  readonly argument: unknown;
}
export type CommandAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

/** The moment, by the clock that all processes of a machine share. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

let log: LoggedEvent[] = [];
const accounts = new Set<string>();
let release: (() => void) | null = null;
let port = 0;

const server = new ApiServer({
  onRequest({ user, verb, resource, status }: RequestLogEntry) {
    // The deletion of a leader's Pod is a request of the benchmark.
    if (user !== 'admin')
      log.push({ by: user.split(':').at(-1) ?? '', what: `${verb} ${resource} ${status}`, atMs: nowMs() });
  },
});
server.onWrite(({ type, resource }) => log.push({ by: 'cluster', what: `${type} ${resource}`, atMs: nowMs() }));

const commands: ClusterCommands = {
  async start() {
    server.createNamespace(NAMESPACE);
    const address = await server.start();
    port = address.port;
    return { port, caPem: address.caPem };
  },
  createPod({ name, app, account }) {
    if (!accounts.has(account)) {
      accounts.add(account);
      server.grant({
        namespace: NAMESPACE,
        serviceAccountName: account,
        rules: RULES.map((rule) => ({
          apiGroups: [...rule.apiGroups],
          resources: [...rule.resources],
          verbs: [...rule.verbs],
        })),
      });
    }
    const options = { namespace: NAMESPACE, name, labels: { app }, nodeName: 'node-1', serviceAccountName: account };
    const pod = server.createPod(options);
    const token = server.issueToken({ namespace: NAMESPACE, serviceAccountName: account, pod });
    return { pod, token };
  },
  async deletePod({ name, gracefully }) {
    const { status } = await server.handle({
      method: 'DELETE',
      path: `/api/v1/namespaces/${NAMESPACE}/pods/${name}${gracefully ? '' : '?gracePeriodSeconds=0'}`,
      headers: { authorization: `Bearer ${server.adminToken}` },
    });
    if (status !== 200 && status !== 202) throw new Error(`the deletion of Pod ${name} was answered ${status}`);
    return nowMs();
  },
  holdCollector(held) {
    if (held) release ??= server.holdGarbageCollector();
    else {
      release?.();
      release = null;
    }
  },
  takeLog() {
    const taken = log;
    log = [];
    return taken;
  },
  async breakDown(forMs) {
    await server.stop();
    await new Promise((resolve) => setTimeout(resolve, forMs));
    log = [];
    await server.start({ port });
    return nowMs();
  },
  memoryMib() {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return Number(kilobytes) / 1024;
  },
};

function run<Name extends keyof ClusterCommands>(name: Name, argument: unknown): unknown {
  return commands[name](argument as never);
}

if (process.send !== undefined) {
  process.on('message', ({ id, name, argument }: Command) => {
    void (async () => run(name, argument))().then(
      (value) => process.send?.({ id, value } satisfies CommandAnswer),
      (error: unknown) => process.send?.({ id, error: String(error) } satisfies CommandAnswer),
    );
  });
  process.once('disconnect', () => process.exit(0));
}
