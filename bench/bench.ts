/**
 * Measures the cost of the library, and writes the figures to a file for comparison.
 *
 *   npm run bench -- [--only NAME]… [--seconds N] [--runs N] [--json FILE]
 *
 * Progress goes to stderr, tables to stdout. Each benchmark is a file of its own.
 */

import { writeFileSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import type { Aim, Benchmark, BenchmarkResult, BenchOptions, Row } from './benchmark.ts';
import { measureCore } from './core.ts';
import { measureFailover } from './failover.ts';
import { measureMemory } from './memory.ts';
import { measureServer } from './server.ts';
import { measureStartUp } from './start-up.ts';

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  memory: measureMemory,
  'start-up': measureStartUp,
  failover: measureFailover,
  core: measureCore,
  server: measureServer,
};

const HELP = `npm run bench -- [options]

  --only NAME    measure only this; may be repeated: ${Object.keys(BENCHMARKS).join(', ')}
  --seconds N    read the memory of a process after N seconds (60)
  --runs N       memory runs (3), pairs of starts (60) and failovers (100): N of each
  --json FILE    write all figures, with every single measurement, to FILE
  --help

Exits 1 when an aim is missed. Needs Linux: memory is read from /proc.
Compare figures of one run only with one another: machines differ, ratios hardly do.`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: Object.keys(BENCHMARKS) },
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

async function measure(
  names: readonly string[],
  options: BenchOptions,
): Promise<Readonly<Record<string, BenchmarkResult>>> {
  const unknown = names.find((name) => !Object.hasOwn(BENCHMARKS, name));
  if (unknown !== undefined)
    throw new Error(`there is no benchmark "${unknown}"; there are: ${Object.keys(BENCHMARKS).join(', ')}`);
  const results: Record<string, BenchmarkResult> = {};
  for (const [name, benchmark] of Object.entries(BENCHMARKS)) {
    if (!names.includes(name)) continue;
    options.progress(`${name}: begins; load ${os.loadavg()[0]?.toFixed(2)} on ${os.cpus().length} processors`);
    const result = await benchmark(options);
    results[name] = result;
    print(result);
  }
  return results;
}

function print(result: BenchmarkResult): void {
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

function writeJson(file: string, results: Readonly<Record<string, BenchmarkResult>>): void {
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
