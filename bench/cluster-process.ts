/**
 * The embedded API server in a separate process, so that its work does not count as work of the measured processes.
 * `embedded-control-plane.ts` sends it commands over IPC.
 */

import { readFileSync } from 'node:fs';
import { ApiServer, ELECTOR_RULES, type RequestLogEntry } from '../src/testing/index.ts';
import {
  type ClusterCommands,
  type Command,
  type CommandAnswer,
  type LoggedEvent,
  NAMESPACE,
  nowMs,
} from './cluster-commands.ts';

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
      server.grant({ namespace: NAMESPACE, serviceAccountName: account, rules: ELECTOR_RULES });
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
