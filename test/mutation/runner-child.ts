// Runs mutants in the runner, as a process that Stryker starts. Arguments: the directory of the project, the source
// with the mutants, and their ids. Writes the results as JSON.

import { join } from 'node:path';
import { NodeTestRunner } from '../../tools/mutation/runner.ts';

const [directory = '', source = '', ...mutants] = process.argv.slice(2);
process.chdir(directory);
const runner = new NodeTestRunner({
  nodeTest: {
    testsOf: { 'src/door.ts': ['test/*.test.ts'], 'src/window': ['test/window/*.test.ts'] },
    exclude: ['test/excluded.test.ts'],
  },
});
await runner.init();
const sandboxFileName = join(directory, source);
const results: unknown[] = [];
if (mutants.length === 0) results.push(await runner.dryRun({ files: [sandboxFileName] }));
for (const id of mutants) {
  const mutantActivation = id === 'static' ? 'static' : 'runtime';
  const run = runner.mutantRun({ activeMutant: { id }, sandboxFileName, mutantActivation, hitLimit: 100 });
  results.push(await run.catch((error: Error) => ({ status: 'rejected', message: error.message.split('\n', 1)[0] })));
}
process.stdout.write(JSON.stringify(results), () => process.exit());
