/**
 * `npm run e2e:kind`: the image, the manifests and three replicas in a new kind cluster.
 */

import { checkPrograms, KindCluster } from './kind-cluster.ts';
import { KIND_SCENARIOS } from './kind-scenarios.ts';
import { runProgram, runScenarios } from './scenario-run.ts';

await runProgram('e2e:kind', async (interrupted) => {
  await checkPrograms();
  const cluster = new KindCluster(interrupted);
  try {
    process.stdout.write(`cluster ${cluster.name}: the image and the nodes take some minutes\n`);
    await cluster.prepare();
    return await runScenarios(KIND_SCENARIOS, cluster, interrupted);
  } finally {
    await cluster.remove();
    process.stdout.write(`cluster ${cluster.name} removed\n`);
  }
});
