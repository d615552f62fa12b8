/**
 * The files that the kubelet mounts into containers, in a temporary directory: token, authorities, namespace.
 */

import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The files of all containers of a cluster; written to disk only when a test reads their path. */
export class PodFiles {
  #root: string | undefined;
  #count = 0;

  /** Writes the files of a container. Returns their directory. */
  mount(
    podName: string,
    files: { readonly token: string; readonly caPem: string; readonly namespace: string },
  ): string {
    this.#root ??= mkdtempSync(join(tmpdir(), 'lease-elector-cluster-'));
    this.#count += 1;
    // Numbered, because a restarted container and another Pod of the same name get separate files.
    const directory = join(this.#root, `${this.#count}-${podName}`);
    mkdirSync(directory);
    writeFileSync(join(directory, 'ca.crt'), files.caPem);
    writeFileSync(join(directory, 'namespace'), files.namespace);
    this.replaceToken(directory, files.token);
    return directory;
  }

  /** Replaces the token atomically, as the kubelet does: no process ever reads half a token. */
  replaceToken(directory: string, token: string): void {
    const written = join(directory, '.token');
    writeFileSync(written, token, { mode: 0o600 });
    renameSync(written, join(directory, 'token'));
  }

  /** Removes all files. */
  remove(): void {
    if (this.#root !== undefined) rmSync(this.#root, { recursive: true, force: true });
    this.#root = undefined;
  }
}
