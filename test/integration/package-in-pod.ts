/**
 * Replaces the package `lease-elector` in a program that is not written for tests. It has the same class, but the files
 * of its Pod are in POD_DIRECTORY. See `package-resolver.ts`.
 */

import * as real from '../../src/index.ts';

export { LeaseElectorError } from '../../src/index.ts';

export class LeaseElector extends real.LeaseElector {
  constructor(options: real.LeaseElectorOptions = {}) {
    super({ serviceAccountDirectory: process.env['POD_DIRECTORY'] ?? '', requestTimeoutMs: 2_000, ...options });
  }
}
