/** The mutation of `src/core`, which its tables and stories alone must notice. */

export default {
  mutate: ['src/core/**/*.ts'],
  plugins: ['./tools/mutation/runner.ts'],
  testRunner: 'node-test',
  nodeTest: { testsOf: { 'src/core/': ['test/core/*.test.ts'] }, exclude: ['test/core/*properties.test.ts'] },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  timeoutMS: 30_000,
  // A process keeps the modules of each load.
  maxTestRunnerReuse: 300,
  ignorePatterns: ['coverage', 'dist', 'docs-site'],
  tsconfigFile: 'no-tsconfig.json',
  packageManager: 'npm',
  tempDirName: 'coverage/mutation/sandbox',
  jsonReporter: { fileName: 'coverage/mutation/report.json' },
  htmlReporter: { fileName: 'coverage/mutation/report.html' },
  reporters: ['clear-text', 'progress-append-only', 'json', 'html'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false, reportMutants: false, skipFull: true },
  thresholds: { high: 98, low: 95, break: 95 },
};
