/** The mutation of the parts around the core: the settings of the core's run, with other files and limits. */

import core from './stryker.config.mjs';

export default {
  ...core,
  // Many of these tests wait for sockets and timers.
  concurrency: 4,
  mutate: ['src/options.ts', 'src/{driver,endpoint,explain,joining,kube,leadership,metrics,publishing}/**/*.ts'],
  nodeTest: {
    testsOf: {
      'src/options.ts': ['test/options.test.ts'],
      'src/explain/': ['test/explain/*.test.ts', 'test/printed-elector.test.ts', 'test/command/explain.test.ts'],
      ...Object.fromEntries(
        ['driver', 'endpoint', 'joining', 'kube', 'leadership', 'metrics', 'publishing'].map((room) => [
          `src/${room}/`,
          [`test/${room}/*.test.ts`],
        ]),
      ),
    },
    exclude: [
      'test/{driver,kube}/*properties.test.ts',
      'test/{endpoint,joining,kube}/{client-process,diagnostics-channels,loaded-modules,many-readers,sidecar-examples}.test.ts',
    ],
  },
  jsonReporter: { fileName: 'coverage/mutation/report-parts.json' },
  htmlReporter: { fileName: 'coverage/mutation/report-parts.html' },
  thresholds: { high: 95, low: 90, break: 90 },
};
