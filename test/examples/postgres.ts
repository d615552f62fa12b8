/**
 * A private PostgreSQL server on a Unix socket in a temporary directory. Without the programs of Debian's package
 * `postgresql`, the tests are skipped with that reason.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { PROCESS_ENVIRONMENT } from '../integration/cluster.ts';
import { eventually } from './example-process.ts';

const USER = 'app';

/** The directory of the server's programs. Debian installs them outside of PATH. */
const PROGRAMS: string | undefined = [
  ...globSync('/usr/lib/postgresql/*/bin/initdb').map((file) => dirname(file)),
  ...(process.env['PATH'] ?? '').split(':'),
].find((directory) => existsSync(join(directory, 'initdb')) && existsSync(join(directory, 'postgres')));

/** The account of the server. It does not run as root, but then as the user that Debian's package creates. */
function serverAccount(): { readonly uid: number; readonly gid: number } | 'own' | 'none' {
  if (process.getuid?.() !== 0) return 'own';
  const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return uid?.status === 0 && gid?.status === 0 ? { uid: Number(uid.stdout), gid: Number(gid.stdout) } : 'none';
}

/** The reason to skip a test. `false` if PostgreSQL can run. */
export const POSTGRES_MISSING: string | false =
  PROGRAMS !== undefined && serverAccount() !== 'none'
    ? false
    : 'PostgreSQL is missing: apt-get install --no-install-recommends postgresql';

/** A database with the tables of an example. */
export interface Database {
  /** The environment variables with which a program connects. */
  readonly environment: Readonly<Record<string, string>>;
  /** Runs statements. */
  query(sql: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Opens another connection, for a transaction. */
  connect(): Promise<pg.Client>;
}

/** Starts a server that ends with the test, and creates the tables of the example. */
export async function startPostgres(t: TestContext, example: string): Promise<Database> {
  assert.ok(PROGRAMS !== undefined);
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-postgres-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const account = serverAccount();
  const identity = typeof account === 'string' ? {} : account;
  if (typeof account !== 'string') chownSync(directory, account.uid, account.gid);
  const data = join(directory, 'data');
  const common = { ...identity, cwd: directory, env: { PATH: PROCESS_ENVIRONMENT['PATH'] ?? '', LC_ALL: 'C' } };
  execFileSync(
    join(PROGRAMS, 'initdb'),
    ['-D', data, '-U', USER, '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'],
    { ...common, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const settings = ['listen_addresses=', 'fsync=off', `unix_socket_directories=${directory}`, 'shared_buffers=8MB'];
  const server = spawn(join(PROGRAMS, 'postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
    ...common,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => end(server));
  let log = '';
  server.stderr.on('data', (chunk) => {
    log += chunk;
  });
  await eventually(
    () => 'PostgreSQL accepts connections',
    () => {
      assert.equal(server.exitCode, null, log);
      return log.includes('ready to accept connections');
    },
  );
  const environment = { PGHOST: directory, PGUSER: USER, PGDATABASE: 'postgres' };
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ host: directory, user: USER, database: 'postgres' });
    client.on('error', () => undefined); // The server ends before the client.
    await client.connect();
    return client;
  };
  const client = await connect();
  t.after(() => client.end());
  await client.query(
    readFileSync(fileURLToPath(new URL(`../../examples/${example}/schema.sql`, import.meta.url)), 'utf8'),
  );
  const query: Database['query'] = async (sql, values = []) => (await client.query(sql, [...values])).rows;
  return { environment, query, connect };
}

/** Ends the server at once. SIGINT also closes the connections of its clients. */
async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  server.kill('SIGINT');
  await once(server, 'exit');
}
