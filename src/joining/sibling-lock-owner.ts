/**
 * Finds the process that holds the socket of the sibling lock, as far as /proc shows it.
 *
 * Node.js has no SO_PEERCRED. The kernel's list of Unix sockets shows the inode instead, and the links of the open
 * files show the process. Processes of another container are visible only with `shareProcessNamespace: true`.
 */

import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import type { SiblingLockHolder } from '../driver/ports.ts';

/**
 * The largest number of links of open files that are read, so that the search does not take minutes on a machine with
 * many processes.
 */
export const SEARCHED_FILES_LIMIT = 20_000;

/** The process that listens on this abstract address; `null` when it cannot be determined. */
export async function findSocketHolder(path: string, proc: string = '/proc'): Promise<SiblingLockHolder | null> {
  try {
    const inode = listeningInode(await readFile(`${proc}/net/unix`, 'utf8'), path);
    return inode === null ? null : await processWithSocket(inode, proc);
  } catch {
    return null;
  }
}

/** `__SO_ACCEPTCON`: the socket listens (Linux, include/linux/net.h). */
const LISTENS = 0x10000;

/**
 * The inode of the socket that listens on an address. A line of /proc/net/unix has: number, references, protocol,
 * flags, type, state, inode, address (proc(5)).
 */
function listeningInode(table: string, path: string): string | null {
  // The first byte of an abstract address is zero, and the kernel shows it as @.
  const address = path.replace(/^\0/, '@');
  for (const line of table.split('\n')) {
    const [, , , flags = '', , , inode = '', ...shown] = line.trim().split(/ +/);
    if (shown.join(' ') === address && (Number.parseInt(flags, 16) & LISTENS) !== 0) return inode;
  }
  return null;
}

async function processWithSocket(inode: string, proc: string): Promise<SiblingLockHolder | null> {
  const processes = (await readdir(proc))
    .filter((name) => /^\d+$/.test(name))
    .sort((left, right) => Number(left) - Number(right));
  let searched = 0;
  for (const pid of processes) {
    // The files of another user's process, or of a process that has just ended, are not visible.
    for (const descriptor of await readdir(`${proc}/${pid}/fd`).catch(() => [])) {
      searched += 1;
      if (searched > SEARCHED_FILES_LIMIT) return null;
      const target = await readlink(`${proc}/${pid}/fd/${descriptor}`).catch(() => null);
      if (target === `socket:[${inode}]`) return { pid: Number(pid), uid: (await stat(`${proc}/${pid}`)).uid };
    }
  }
  return null;
}
