/**
 * One small file that somebody else replaces now and then: read again only when it changed.
 *
 * When to look is decided by `credentials.ts`.
 */

import { readFileSync, statSync } from 'node:fs';
import { LeaseElectorError } from '../errors.ts';
import { isShortage } from '../runtime/shortage.ts';

/** A file as it was read. */
export interface FileSnapshot {
  readonly path: string;
  /** Without white space at either end. */
  readonly text: string;
  /** Changes whenever the file does. */
  readonly fingerprint: string;
}

/**
 * `before` itself while the file is the same, else a new snapshot.
 *
 * The kubelet replaces projected files by turning a symbolic link, so another inode stands behind the path.
 *
 * @throws LeaseElectorError `ERR_LEASE_ELECTOR_CREDENTIALS` when it cannot be read, or is empty.
 */
export function readIfChanged(path: string, before: FileSnapshot | null): FileSnapshot {
  let text: string;
  let fingerprint: string;
  try {
    const { ino, mtimeMs, size } = statSync(path);
    fingerprint = `${ino} ${mtimeMs} ${size}`;
    if (before?.fingerprint === fingerprint) return before;
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    const advice = isShortage(cause)
      ? 'Close files and sockets of this process, or raise its limit'
      : 'The Pod needs a service account token: check `automountServiceAccountToken` and the user the container runs as';
    throw new LeaseElectorError(
      'ERR_LEASE_ELECTOR_CREDENTIALS',
      `${path} cannot be read (${cause instanceof Error ? cause.message : String(cause)}). ${advice}`,
      { cause },
    );
  }
  if (text === '') throw new LeaseElectorError('ERR_LEASE_ELECTOR_CREDENTIALS', `${path} is empty`);
  return { path, text, fingerprint };
}
