/**
 * Loaded before a program (`--import`). It resolves `lease-elector` to `package-in-pod.ts`, and `lease-elector/testing`
 * to the source of the embedded API server.
 */

import { registerHooks } from 'node:module';

const FILES = new Map([
  ['lease-elector', './package-in-pod.ts'],
  ['lease-elector/testing', '../../src/testing/index.ts'],
]);

registerHooks({
  resolve(specifier, context, next) {
    const file = FILES.get(specifier);
    return next(file === undefined ? specifier : new URL(file, import.meta.url).href, context);
  },
});
