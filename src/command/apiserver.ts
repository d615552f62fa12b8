/**
 * `lease-elector apiserver`: runs the embedded API server alone, and writes a kubeconfig for it.
 */

import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ApiServer } from '../testing/index.ts';
import { type CommandProcess, EXIT, UsageError, type Verb } from './verb.ts';

const USAGE = `Usage: lease-elector apiserver [options]

Runs a Kubernetes API server in this process, for leases, pods and what an election needs besides.
It keeps everything in memory, and ends with Ctrl-C.

  --port N            port to listen on; any free one by default
  --host H            address to listen on (default: 127.0.0.1)
  --no-tls            serve http instead of https
  --kubeconfig FILE   where to write the kubeconfig (default: .apiserver/kubeconfig); ca.crt goes beside it
  --token T           token of the user admin (default: a random one)
  --namespace NAME    make this namespace; may be repeated
  --log               print every request
  --help              print this text
`;

const MAX_PORT = 65_535;

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: '0' },
      host: { type: 'string', default: '127.0.0.1' },
      kubeconfig: { type: 'string', default: '.apiserver/kubeconfig' },
      'no-tls': { type: 'boolean', default: false },
      token: { type: 'string' },
      namespace: { type: 'string', multiple: true, default: [] },
      log: { type: 'boolean', default: false },
    },
  }).values;
}

function readArguments(args: readonly string[]): ReturnType<typeof parse> {
  try {
    const values = parse(args);
    if (!/^\d+$/.test(values.port) || Number(values.port) > MAX_PORT) {
      throw new Error(`--port ${values.port} is not a port: expected a number from 0 to ${MAX_PORT}`);
    }
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The verb `apiserver`. */
export const apiserver: Verb = {
  usage: USAGE,
  async run(args, process) {
    const values = readArguments(args);
    const server = new ApiServer({
      ...(values.token === undefined ? {} : { adminToken: values.token }),
      ...(values.log ? { onRequest: (request) => process.write(`${requestLine(request)}\n`) } : {}),
    });
    for (const namespace of values.namespace) server.createNamespace(namespace);
    const { url } = await server.start({ port: Number(values.port), host: values.host, tls: !values['no-tls'] });
    try {
      await announce(server, url, resolve(values.kubeconfig), process);
      if (!process.interrupted.aborted) await once(process.interrupted, 'abort');
    } finally {
      await server.stop();
    }
    return EXIT.success;
  },
};

type RequestOfServer = Parameters<NonNullable<NonNullable<ConstructorParameters<typeof ApiServer>[0]>['onRequest']>>[0];

function requestLine({ user, verb, resource, namespace, name, status }: RequestOfServer): string {
  return [status, user, verb, resource, namespace, name].join(' ');
}

async function announce(server: ApiServer, url: string, kubeconfig: string, process: CommandProcess): Promise<void> {
  const directory = dirname(kubeconfig);
  await mkdir(directory, { recursive: true });
  // The file contains the admin token.
  await writeFile(kubeconfig, server.kubeconfig(), { mode: 0o600 });
  await writeFile(join(directory, 'ca.crt'), server.caPem);
  process.write(`API server: ${url}\n`);
  process.write(`admin token: ${server.adminToken}\n`);
  process.write(`kubectl --kubeconfig ${relative('.', kubeconfig)} get leases\n`);
}
