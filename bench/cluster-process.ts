/**
 * The embedded API server in a process of its own, so that its work is not counted among that of the
 * measured processes. `cluster.ts` tells it over IPC what to do.
 */

import { ApiServer, type PodIdentity, type RequestLogEntry } from '../src/testing/index.ts';

/** The one namespace of a benchmark. */
export const NAMESPACE = 'bench';
const SERVICE_ACCOUNT = 'default';

/** The commands of the cluster process. */
export interface ClusterCommands {
  start(): Promise<{ port: number; caPem: string }>;
  /** Makes a Pod and the token that the kubelet would mount into it. */
  createPod(name: string): { pod: PodIdentity; token: string };
  /** Deletes a Pod at once; answers the moment of the deletion by the system's monotonic clock, in nanoseconds. */
  deletePod(name: string): Promise<string>;
  /** The requests since the last call, as `verb resource status`. */
  takeRequests(): string[];
}

/** A command on its way, and its answer. */
export interface Command {
  readonly id: number;
  readonly name: keyof ClusterCommands;
  readonly argument: string;
}
export type CommandAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

let requests: string[] = [];
const server = new ApiServer({
  onRequest({ user, verb, resource, status }: RequestLogEntry) {
    // The deletion of a leader's Pod is the benchmark's own request.
    if (user !== 'admin') requests.push(`${verb} ${resource} ${status}`);
  },
});

const commands: ClusterCommands = {
  async start() {
    server.createNamespace(NAMESPACE);
    server.grant({
      namespace: NAMESPACE,
      serviceAccountName: SERVICE_ACCOUNT,
      rules: [
        {
          apiGroups: ['coordination.k8s.io'],
          resources: ['leases'],
          verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
        },
        { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
      ],
    });
    const { port, caPem } = await server.start();
    return { port, caPem };
  },
  createPod(name) {
    const pod = server.createPod({ namespace: NAMESPACE, name, serviceAccountName: SERVICE_ACCOUNT });
    const token = server.issueToken({ namespace: NAMESPACE, serviceAccountName: SERVICE_ACCOUNT, pod });
    return { pod, token };
  },
  async deletePod(name) {
    const deletedAt = process.hrtime.bigint();
    const { status } = await server.handle({
      method: 'DELETE',
      path: `/api/v1/namespaces/${NAMESPACE}/pods/${name}`,
      headers: { authorization: `Bearer ${server.adminToken}` },
    });
    if (status !== 200) throw new Error(`the deletion of Pod ${name} was answered ${status}`);
    return String(deletedAt);
  },
  takeRequests() {
    const taken = requests;
    requests = [];
    return taken;
  },
};

if (process.send !== undefined) {
  process.on('message', ({ id, name, argument }: Command) => {
    void (async () => commands[name](argument))().then(
      (value) => process.send?.({ id, value } satisfies CommandAnswer),
      (error: unknown) => process.send?.({ id, error: String(error) } satisfies CommandAnswer),
    );
  });
  process.once('disconnect', () => process.exit(0));
}
