/**
 * Measures the cost of the library beside bare scripts, compares it with the targets, and draws the figures.
 *
 *   npm run bench -- [--quick] [--only NAME]… [--seconds N] [--runs N] [--json FILE] [--figures DIRECTORY]
 *
 * Progress goes to stderr, tables to stdout. Each benchmark is a file of its own.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import type { Aim, Benchmark, BenchmarkResult, BenchOptions, Measurements, Row } from './benchmark.ts';
import { measureCore } from './core.ts';
import { measureCrowd } from './crowd.ts';
import { measureFailover } from './failover.ts';
import { measureIdle } from './idle.ts';
import { measureRollingUpdate } from './rolling-update.ts';
import { measureServer } from './server.ts';
import { measureStartUp } from './start-up.ts';

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  failover: measureFailover,
  'start-up': measureStartUp,
  idle: measureIdle,
  crowd: measureCrowd,
  'rolling-update': measureRollingUpdate,
  core: measureCore,
  server: measureServer,
};

const HELP = `npm run bench -- [options]

  --quick              fewer rounds and smaller crowds: under two minutes on free processors
  --only NAME          measure only this; may be repeated: ${Object.keys(BENCHMARKS).join(', ')}
  --seconds N          read memory, processor time and requests after N seconds (60; quick: 30)
  --runs N             runs of idle (3), starts (60), failovers (100), failovers of a crowd (5): N of each
  --candidates N       candidates of one Lease in "crowd"; may be repeated (3, 100, 300, 1000; quick: 3, 50)
  --json FILE          write all figures to FILE; with --only they replace those of the same name in FILE
  --figures DIRECTORY  draw the figures of this run into DIRECTORY as SVG
  --from FILE          measure nothing: print and draw the figures of FILE
  --help

The cluster is the embedded API server. With KUBECONFIG set, "failover", "start-up" and "idle" use that cluster, in
the namespace "bench", which is created and deleted; then no requests are logged, and the collector is not held back.
Exits 1 when a target is missed, and names the measured cause. Needs Linux: memory is read from /proc.
Compare only figures of one run: times differ between machines, ratios hardly do.`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: Object.keys(BENCHMARKS) },
    seconds: { type: 'string' },
    runs: { type: 'string' },
    candidates: { type: 'string', multiple: true },
    json: { type: 'string' },
    figures: { type: 'string' },
    from: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(HELP);
} else {
  // Listeners of `exit` end the measured processes. A signal alone would not call them.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const measurements = values.from === undefined ? await measure(values.only) : readMeasurements(values.from);
  if (values.from !== undefined) for (const result of Object.values(measurements.results)) print(result);
  const aims = Object.values(measurements.results).flatMap((result) => result.aims);
  for (const aim of aims) {
    console.log(`${isMet(aim) ? 'met   ' : 'MISSED'} ${aim.measured} (at most ${aim.limit}) ${aim.what}`);
    if (!isMet(aim)) console.log(`       cause: ${aim.cause}`);
  }
  if (values.figures !== undefined) {
    // Loaded only here: it is large.
    const { drawFigures } = await import('./figures.ts');
    for (const file of await drawFigures(measurements, values.figures)) console.error(`written: ${file}`);
  }
  process.exitCode = aims.every(isMet) ? 0 : 1;
}

function options(): BenchOptions {
  const { quick } = values;
  const runs = (usual: number, few: number): number => wholeNumber('runs', values.runs ?? String(quick ? few : usual));
  const kubeconfig = process.env['KUBECONFIG'];
  return {
    seconds: wholeNumber('seconds', values.seconds ?? (quick ? '30' : '60')),
    memoryRuns: runs(3, 1),
    startUpRuns: runs(60, 10),
    failoverRounds: runs(100, 5),
    crowds:
      values.candidates?.map((text) => wholeNumber('candidates', text)) ?? (quick ? [3, 50] : [3, 100, 300, 1_000]),
    crowdRounds: runs(5, 2),
    rollOuts: quick ? 10 : 100,
    kubeconfig: kubeconfig === '' ? undefined : kubeconfig,
    progress: (message) => console.error(message),
  };
}

async function measure(names: readonly string[]): Promise<Measurements> {
  const unknown = names.find((name) => !Object.hasOwn(BENCHMARKS, name));
  if (unknown !== undefined)
    throw new Error(`there is no benchmark "${unknown}"; there are: ${Object.keys(BENCHMARKS).join(', ')}`);
  const chosen = options();
  const results: Record<string, BenchmarkResult> = {};
  const load = os.loadavg()[0] ?? 0;
  for (const [name, benchmark] of Object.entries(BENCHMARKS)) {
    if (!names.includes(name)) continue;
    chosen.progress(`${name}: begins; load ${os.loadavg()[0]?.toFixed(2)} on ${os.cpus().length} processors`);
    const result = { ...(await benchmark(chosen)), load: os.loadavg()[0] ?? 0 };
    results[name] = result;
    print(result);
  }
  const measurements: Measurements = {
    date: new Date().toISOString(),
    commit: commit(),
    machine: `${os.cpus().length} × ${os.cpus()[0]?.model.trim()}, Linux ${os.release().split('-')[0]}, Node.js ${process.version}`,
    cluster: chosen.kubeconfig === undefined ? 'embedded API server, TLS on loopback' : 'cluster of KUBECONFIG',
    load: Number(load.toFixed(1)),
    results,
  };
  if (values.json !== undefined)
    writeMeasurements(values.json, measurements, names.length < Object.keys(BENCHMARKS).length);
  return measurements;
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'no commit';
  }
}

function print(result: BenchmarkResult): void {
  const columns = Object.keys(result.rows[0] ?? {});
  const cells = [columns, ...result.rows.map((row: Row) => columns.map((column) => String(row[column] ?? '')))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
  console.log(`\n${result.title}\n`);
  for (const line of cells) {
    // Words are aligned left, figures right.
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

function readMeasurements(file: string): Measurements {
  return JSON.parse(readFileSync(file, 'utf8')) as Measurements;
}

/** @param isPart whether only some benchmarks ran; the file then keeps the results of the others */
function writeMeasurements(file: string, measurements: Measurements, isPart: boolean): void {
  let results = measurements.results;
  try {
    if (isPart) results = { ...readMeasurements(file).results, ...results };
  } catch {
    // There is no such file yet.
  }
  writeFileSync(file, `${JSON.stringify({ ...measurements, results }, null, 1)}\n`);
  console.error(`written: ${file}`);
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${option} must be a whole number greater than 0, but is ${JSON.stringify(text)}`);
}
