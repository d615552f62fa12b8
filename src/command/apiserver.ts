/**
 * `lease-elector apiserver`: runs the embedded API server alone, and writes a kubeconfig for it.
 */

import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { ApiServer } from '../testing/index.ts';
import { parsedArguments } from './arguments.ts';
import { type CommandProcess, EXIT, UsageError, type Verb } from './verb.ts';

const USAGE = `Usage: lease-elector apiserver [options]

Runs a Kubernetes API server in this process, with Leases, Pods and the other objects of an election.
It keeps everything in memory, and ends with Ctrl-C.

  --port N            port to listen on (default: any free port)
  --host H            address to listen on (default: 127.0.0.1)
  --no-tls            serve http instead of https
  --kubeconfig FILE   file for the kubeconfig (default: .apiserver/kubeconfig); ca.crt is written to its directory
  --token T           token of the user admin (default: a random token)
  --namespace NAME    create this namespace; may be repeated. The kubeconfig uses the first namespace
  --log               print every request
  --help              print this text
`;

const MAX_PORT = 65_535;

/** The directory of the kubeconfig, unless the option names another directory. */
const USUAL_DIRECTORY = '.apiserver';

function parse(args: readonly string[]) {
  return parsedArguments({
    args: [...args],
    options: {
      port: { type: 'string', default: '0' },
      host: { type: 'string', default: '127.0.0.1' },
      kubeconfig: { type: 'string', default: `${USUAL_DIRECTORY}/kubeconfig` },
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
      const file = { path: resolve(values.kubeconfig), namespace: values.namespace[0] };
      await announce(server, file, url, process);
      if (!process.interrupted.aborted) await once(process.interrupted, 'abort');
    } finally {
      await server.stop();
    }
    return EXIT.success;
  },
};

/** The kubeconfig to write. */
interface KubeconfigFile {
  readonly path: string;
  /** The namespace of its context; `undefined` means `default`. */
  readonly namespace: string | undefined;
}

/**
 * Writes a .gitignore, because the directory contains the admin token, which must not be committed. An existing file is
 * kept.
 */
async function ignoreInGit(directory: string): Promise<void> {
  await writeFile(join(directory, '.gitignore'), '*\n', { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

type RequestOfServer = Parameters<NonNullable<NonNullable<ConstructorParameters<typeof ApiServer>[0]>['onRequest']>>[0];

function requestLine({ user, verb, resource, namespace, name, status }: RequestOfServer): string {
  return [status, user, verb, resource, namespace, name].join(' ');
}

async function announce(server: ApiServer, file: KubeconfigFile, url: string, process: CommandProcess): Promise<void> {
  const directory = dirname(file.path);
  const isNew = (await mkdir(directory, { recursive: true })) !== undefined;
  if (isNew || basename(directory) === USUAL_DIRECTORY) await ignoreInGit(directory);
  // The file contains the admin token.
  await writeFile(file.path, server.kubeconfig(file.namespace), { mode: 0o600 });
  await writeFile(join(directory, 'ca.crt'), server.caPem);
  process.write(`API server: ${url}\n`);
  process.write(`admin token: ${server.adminToken}\n`);
  process.write(`kubectl --kubeconfig ${relative('.', file.path)} get leases\n`);
}
