/**
 * Runs the embedded API server alone and writes a kubeconfig for it.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ApiServer } from '../src/testing/index.ts';

const USAGE = `Usage: npm run apiserver -- [options]

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

function parse() {
  return parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      host: { type: 'string', default: '127.0.0.1' },
      kubeconfig: { type: 'string', default: '.apiserver/kubeconfig' },
      'no-tls': { type: 'boolean', default: false },
      token: { type: 'string' },
      namespace: { type: 'string', multiple: true, default: [] },
      log: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  }).values;
}

/** Exit code for a command line that cannot be understood. */
const USAGE_ERROR = 2;
const MAX_PORT = 65_535;

function readArguments(): ReturnType<typeof parse> {
  try {
    const values = parse();
    const port = Number(values.port);
    if (!/^\d+$/.test(values.port) || port > MAX_PORT) throw new Error(`--port ${values.port} is not a port`);
    return values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(USAGE_ERROR);
  }
}

const values = readArguments();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}

const server = new ApiServer({
  ...(values.token === undefined ? {} : { adminToken: values.token }),
  ...(values.log
    ? {
        onRequest: ({ user, verb, resource, namespace, name, status }) =>
          console.log(status, user, verb, resource, namespace, name),
      }
    : {}),
});
for (const namespace of values.namespace) server.createNamespace(namespace);

const { url } = await server.start({ port: Number(values.port), host: values.host, tls: !values['no-tls'] });
const kubeconfig = path.resolve(values.kubeconfig);
await mkdir(path.dirname(kubeconfig), { recursive: true });
// The admin token is in it.
await writeFile(kubeconfig, server.kubeconfig(), { mode: 0o600 });
await writeFile(path.join(path.dirname(kubeconfig), 'ca.crt'), server.caPem);

console.log(`API server: ${url}`);
console.log(`admin token: ${server.adminToken}`);
console.log(`kubectl --kubeconfig ${path.relative('.', kubeconfig)} get leases`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void server.stop().then(() => process.exit(0));
  });
}
