/**
 * Loaded before a program (`--import`): `lease-elector` is then `package-in-pod.ts`.
 */

import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== 'lease-elector') return next(specifier, context);
    return next(new URL('./package-in-pod.ts', import.meta.url).href, context);
  },
});
