/**
 * Runs the embedded API server alone and writes a kubeconfig for it.
 *
 *   npm run apiserver -- [--port N] [--host H] [--kubeconfig FILE] [--no-tls] [--token T] [--namespace NAME]… [--log]
 */

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ApiServer } from '../src/apiserver/index.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    kubeconfig: { type: 'string', default: '.apiserver/kubeconfig' },
    'no-tls': { type: 'boolean', default: false },
    token: { type: 'string' },
    namespace: { type: 'string', multiple: true, default: [] },
    log: { type: 'boolean', default: false },
  },
});

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
