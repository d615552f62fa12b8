/**
 * One small file that another program replaces from time to time. It is read again only when it has changed.
 *
 * `credentials.ts` decides when to check it.
 */

import { readFileSync, statSync } from 'node:fs';
import { LeaseElectorError } from '../errors.ts';
import { isShortage } from '../runtime/shortage.ts';

/** The contents of a file at one moment. */
export interface FileSnapshot {
  readonly path: string;
  /** Without white space at either end. */
  readonly text: string;
  /** The inode, the time and the size of the file. A change of the contents nearly always changes one of them. */
  readonly fingerprint: string;
}

/**
 * Returns `before` while the file is unchanged; otherwise a new snapshot.
 *
 * The kubelet replaces projected files by switching a symbolic link, so the path then leads to another inode.
 *
 * @throws LeaseElectorError `ERR_LEASE_ELECTOR_CREDENTIALS` when the file cannot be read, or is empty.
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
