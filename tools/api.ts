/**
 * Accepts the public API as it is now: writes `etc/*.api.md`. A package test compares them with what is built, so that a
 * change of the public API is always a difference that a reviewer reads.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { API_REPORTS, declare } from './build.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'lease-elector-api-'));
try {
  await declare(directory, API_REPORTS);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
