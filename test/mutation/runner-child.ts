// Runs mutants in the runner, as a process that Stryker starts. Arguments: the directory of the project, then the ids
// of the mutants. Writes the results as JSON.

import { join } from 'node:path';
import { NodeTestRunner } from '../../tools/mutation/runner.ts';

const [directory = '', ...mutants] = process.argv.slice(2);
process.chdir(directory);
const runner = new NodeTestRunner({
  nodeTest: { include: ['test/*.test.ts'], exclude: ['test/excluded.test.ts'] },
});
await runner.init();
const sandboxFileName = join(directory, 'src/door.ts');
const results: unknown[] = [];
if (mutants.length === 0) results.push(await runner.dryRun({ files: [sandboxFileName] }));
for (const id of mutants) {
  const mutantActivation = id === 'static' ? 'static' : 'runtime';
  const run = runner.mutantRun({ activeMutant: { id }, sandboxFileName, mutantActivation, hitLimit: 100 });
  results.push(await run.catch((error: Error) => ({ status: 'rejected', message: error.message.split('\n', 1)[0] })));
}
process.stdout.write(JSON.stringify(results), () => process.exit());
