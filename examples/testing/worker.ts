/**
 * The process of own-process.test.ts, in place of your application. The test passes the directory of its Pod's files.
 */

import { LeaseElector } from '../../src/index.ts';

const elector = new LeaseElector({
  serviceAccountDirectory: process.env['SERVICE_ACCOUNT_DIRECTORY'] ?? '/var/run/secrets/kubernetes.io/serviceaccount',
  onElected: (term) => process.send?.(term.resumed ? 'resumed' : 'elected'),
});
process.once('SIGTERM', () => void elector.stop().then(() => process.exit(0)));
await elector.start();
