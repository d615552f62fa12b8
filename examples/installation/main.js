/**
 * An application as deploy/ installs it: `npm install lease-elector` beside this file, then build the image with
 * deploy/Dockerfile. Its leader does a piece of work each second.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseElector } from 'lease-elector';

const elector = new LeaseElector({
  // On all addresses, so that the kubelet reaches the probes.
  endpoint: { host: '0.0.0.0', port: Number(process.env.PORT ?? 4040) },
  logger: console,
  // Undefined in a Pod: the files are where the kubelet mounts them.
  serviceAccountDirectory: process.env.SERVICE_ACCOUNT_DIRECTORY,
  onElected: async ({ signal, fencingToken }) => {
    while (!signal.aborted) {
      await sleep(1_000, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) console.log(`worked with token ${fencingToken}`);
    }
  },
});
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => elector.stop().then(() => process.exit(0)));
}
await elector.start();
