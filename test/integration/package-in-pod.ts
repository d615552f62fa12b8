/**
 * Stands in for the package `lease-elector` in a program that knows nothing of tests: the same class, but its
 * Pod's files are where POD_DIRECTORY says. See `package-resolver.ts`.
 */

import * as real from '../../src/index.ts';

export { LeaseElectorError } from '../../src/index.ts';

export class LeaseElector extends real.LeaseElector {
  constructor(options: real.LeaseElectorOptions = {}) {
    super({ serviceAccountDirectory: process.env['POD_DIRECTORY'] ?? '', requestTimeoutMs: 2_000, ...options });
  }
}
