/**
 * Measures what the library costs, and writes the figures down to compare.
 *
 *   npm run bench -- [--only ROOM]… [--seconds N] [--runs N] [--json FILE]
 *
 * Progress goes to stderr, tables to stdout. Each room is a file of its own.
 */

import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { measureCore } from './core.ts';
import { measureFailover } from './failover.ts';
import { measureMemory } from './memory.ts';
import type { Aim, BenchOptions, Room, RoomResult, Row } from './room.ts';
import { measureServer } from './server.ts';
import { measureStartUp } from './start-up.ts';

const ROOMS: Readonly<Record<string, Room>> = {
  memory: measureMemory,
  'start-up': measureStartUp,
  failover: measureFailover,
  core: measureCore,
  server: measureServer,
};

const HELP = `npm run bench -- [options]

  --only ROOM    measure only this; may be repeated: ${Object.keys(ROOMS).join(', ')}
  --seconds N    read the memory of a process after N seconds (60)
  --runs N       memory runs (3), pairs of starts (60) and failovers (100): N of each
  --json FILE    write all figures, with every single measurement, to FILE
  --help

Exits 1 when an aim is missed. Needs Linux: memory is read from /proc.
Compare figures of one run only with one another: machines differ, ratios hardly do.`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: Object.keys(ROOMS) },
    seconds: { type: 'string', default: '60' },
    runs: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(HELP);
} else {
  // An exit, unlike a signal, lets the measured processes be ended.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const options: BenchOptions = {
    seconds: wholeNumber('seconds', values.seconds),
    memoryRuns: wholeNumber('runs', values.runs ?? '3'),
    startUpRuns: wholeNumber('runs', values.runs ?? '60'),
    failoverRounds: wholeNumber('runs', values.runs ?? '100'),
    progress: (message) => console.error(message),
  };
  const results = await measure(values.only, options);
  const aims = Object.values(results).flatMap((result) => result.aims);
  for (const aim of aims)
    console.log(`${isMet(aim) ? 'met   ' : 'MISSED'} ${aim.measured} (at most ${aim.limit}) ${aim.what}`);
  if (values.json !== undefined) writeJson(values.json, results);
  process.exitCode = aims.every(isMet) ? 0 : 1;
}

async function measure(names: readonly string[], options: BenchOptions): Promise<Readonly<Record<string, RoomResult>>> {
  const unknown = names.find((name) => !Object.hasOwn(ROOMS, name));
  if (unknown !== undefined)
    throw new Error(`there is no room "${unknown}"; there are: ${Object.keys(ROOMS).join(', ')}`);
  const results: Record<string, RoomResult> = {};
  for (const [name, room] of Object.entries(ROOMS)) {
    if (!names.includes(name)) continue;
    options.progress(`${name}: begins; load ${os.loadavg()[0]?.toFixed(2)} on ${os.cpus().length} processors`);
    const result = await room(options);
    results[name] = result;
    print(result);
  }
  return results;
}

function print(result: RoomResult): void {
  const columns = Object.keys(result.rows[0] ?? {});
  const cells = [columns, ...result.rows.map((row: Row) => columns.map((column) => String(row[column] ?? '')))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
  console.log(`\n${result.title}\n`);
  for (const line of cells) {
    // Words begin at the left, figures end at the right.
    const padded = line.map((cell, index) =>
      index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0),
    );
    console.log(`  ${padded.join('   ')}`);
  }
  for (const note of result.notes) console.log(`\n  ${note}`);
  console.log();
}

function isMet(aim: Aim): boolean {
  return aim.measured <= aim.limit;
}

function writeJson(file: string, results: Readonly<Record<string, RoomResult>>): void {
  const machine = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    processors: os.cpus().length,
    load: os.loadavg(),
  };
  writeFileSync(file, `${JSON.stringify({ date: new Date().toISOString(), machine, results }, null, 2)}\n`);
  console.error(`written: ${file}`);
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${option} must be a whole number greater than 0, but is ${JSON.stringify(text)}`);
}
