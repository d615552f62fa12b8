/** The mutation of explain, driver, joining and the options: the settings of `src/core`, with other files and limits. */

import core from './stryker.config.json' with { type: 'json' };

export default {
  ...core,
  mutate: ['src/explain/**/*.ts', 'src/options.ts', 'src/driver/**/*.ts', 'src/joining/**/*.ts'],
  tap: {
    ...core.tap,
    testFiles: [
      'test/explain/*.test.ts',
      'test/printed-elector.test.ts',
      'test/command/explain.test.ts',
      'test/options.test.ts',
      'test/driver/!(*properties).test.ts',
      'test/joining/*.test.ts',
    ],
  },
  ignorePatterns: ['**', '!src/**', '!test/**', '!docs/explain.md', '!tools/mutation/preload.ts', '!package.json'],
  incrementalFile: 'coverage/mutation/incremental-parts.json',
  jsonReporter: { fileName: 'coverage/mutation/report-parts.json' },
  htmlReporter: { fileName: 'coverage/mutation/report-parts.html' },
  thresholds: { high: 95, low: 90, break: 90 },
};
