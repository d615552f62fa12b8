/**
 * `lease-elector watch`: shows elections as they happen, as a table on a terminal, otherwise as one line for each change.
 */

import { once } from 'node:events';
import { printable } from '../explain/wording.ts';
import { leaseListPort, namedLeasePort } from '../kube/lease-list.ts';
import { isName } from '../kube/object-name.ts';
import { type Clock, systemClock, type Timer } from '../runtime/clock.ts';
import { quote } from '../runtime/quotation.ts';
import { parsedArguments } from './arguments.ts';
import { CLUSTER_OPTIONS, CLUSTER_USAGE, openCluster, type ReadableCluster } from './cluster.ts';
import { type ElectionEvent, ElectionLog, type ElectionRow } from './election-log.ts';
import { ElectionTimeline, pageFile } from './election-timeline.ts';
import { LeaseFeed } from './lease-feed.ts';
import { LiveTable } from './live-table.ts';
import { answering, parseOrComplain } from './question.ts';
import { ageText, tableLines } from './table.ts';
import { type CommandProcess, EXIT, type Verb } from './verb.ts';

const USAGE = `Usage: lease-elector watch [LEASE] [options]

Shows elections as they happen: on a terminal as a table that is updated, otherwise as one line for each change. Without LEASE:
all Leases of this library in the namespace. Ctrl-C ends it.

TOKEN is the fencing token of the term. It is an upper bound (<=) if the beginning of the term was not observed.
CHANGES is the number of times that another holder was elected since the watch began.

Exit code: 0 if it was ended, 2 if it could not begin, or could not write FILE at its end.

  --timeline FILE     draw the elections as a page in FILE: at the end, and every few seconds while something changes
  -A, --all-namespaces  watch all namespaces
${CLUSTER_USAGE}`;

const OPTIONS = {
  ...CLUSTER_OPTIONS,
  timeline: { type: 'string' },
  'all-namespaces': { type: 'boolean', short: 'A', default: false },
} as const;

/** The time between two updates of the ages, in milliseconds. */
const TICK_MS = 1_000;

/** The verb `watch`. */
export const watch: Verb = {
  usage: USAGE,
  async run(args, process) {
    const { values, positionals } = parseOrComplain(() =>
      parsedArguments({ args: [...args], options: OPTIONS, allowPositionals: true }),
    );
    const [lease, ...others] = positionals;
    parseOrComplain(() => checkArguments(lease, others, values['all-namespaces']));
    const { json, timeline } = values;
    const requested = { lease, everywhere: values['all-namespaces'], json, timeline };
    return answering(json, process, async () => {
      const cluster = await openCluster(values, process.environment ?? globalThis.process.env, process.complain);
      try {
        return await follow(cluster, requested, process);
      } finally {
        cluster.close();
      }
    });
  },
};

function checkArguments(lease: string | undefined, others: readonly string[], everywhere: boolean): void {
  if (others.length > 0) throw new Error(`Unexpected argument ${quote(others[0] ?? '')}. Give one LEASE at a time`);
  if (lease !== undefined && !isName('Lease', lease)) throw new Error(`${quote(lease)} is not a valid name of a Lease`);
  if (lease !== undefined && everywhere)
    throw new Error('LEASE names a Lease in one namespace. Leave --all-namespaces out');
}

interface WatchArguments {
  readonly lease: string | undefined;
  readonly everywhere: boolean;
  readonly json: boolean;
  /** The file of the timeline. */
  readonly timeline: string | undefined;
}

async function follow(cluster: ReadableCluster, requested: WatchArguments, process: CommandProcess): Promise<number> {
  const { client, namespace } = cluster;
  const place = requested.everywhere ? '' : namespace;
  const port =
    requested.lease === undefined ? leaseListPort(client, place) : namedLeasePort(client, namespace, requested.lease);
  const view =
    process.terminalSize === undefined || requested.json ? linesView(requested.json, process) : tableView(process);
  const timeline = timelineOf(requested, namespace, view.complain);
  await timeline?.open();
  const log = new ElectionLog(systemClock, (event) => {
    view.changed(event);
    timeline?.add(event);
  });
  const feed = new LeaseFeed(port, systemClock, {
    listed: (items) => {
      view.received();
      timeline?.received();
      log.listed(items);
      view.show(log.rows());
    },
    written: (item, isNew) => {
      log.written(item, isNew);
      view.show(log.rows());
    },
    deleted: (item) => {
      log.deleted(item);
      view.show(log.rows());
    },
    lost: ({ message }) => {
      log.lost();
      timeline?.lost(message);
      view.complain(`Changes of the Leases are unknown until the API server answers again: ${message}`);
    },
  });
  let ticker: Timer | null = null;
  try {
    const failure = await feed.start();
    if (failure !== null) throw new Error(failure.message);
    ticker = every(TICK_MS, systemClock, () => {
      log.checkSilence();
      view.show(log.rows());
    });
    if (!process.interrupted.aborted) await once(process.interrupted, 'abort');
  } finally {
    ticker?.cancel();
    feed.stop();
    await timeline?.close();
  }
  return EXIT.success;
}

function timelineOf(
  { timeline, lease, everywhere }: WatchArguments,
  namespace: string,
  failed: (message: string) => void,
): ElectionTimeline | null {
  if (timeline === undefined) return null;
  const where = everywhere ? 'in all namespaces' : `in namespace ${namespace}`;
  const title = lease === undefined ? `Elections ${where}` : `Election ${lease} ${where}`;
  return new ElectionTimeline({ clock: systemClock, title, everywhere, write: pageFile(timeline), failed });
}

function every(intervalMs: number, clock: Clock, callback: () => void): Timer {
  let timer: Timer;
  const tick = (): void => {
    timer = clock.setTimer(intervalMs, () => {
      callback();
      tick();
    });
  };
  tick();
  return { cancel: () => timer.cancel() };
}

/** The output of a watch. */
interface View {
  /** Called when the API server has answered. */
  readonly received: () => void;
  /** Called for each change. */
  readonly changed: (event: ElectionEvent) => void;
  /** Called with the present state of the elections. */
  readonly show: (rows: readonly ElectionRow[]) => void;
  readonly complain: (text: string) => void;
}

function linesView(json: boolean, process: CommandProcess): View {
  return {
    received: () => {},
    changed: (event) => process.write(`${json ? JSON.stringify(event) : changeLine(event)}\n`),
    show: () => {},
    complain: (text) => process.complain(`${printable(text)}\n`),
  };
}

function tableView(process: CommandProcess): View {
  const table = new LiveTable(process.write);
  let trouble: string | null = null;
  return {
    received: () => {
      trouble = null;
    },
    // The next table shows the change.
    changed: () => {},
    show: (rows) => {
      const size = process.terminalSize?.();
      // If the size of the terminal is unknown, it is reported as 0.
      const [columns, height] = [size?.columns || 80, size?.rows || 24];
      const lines = [...rowLines(rows, columns), ...(trouble === null ? [] : [trouble.slice(0, columns)])];
      table.show(lines, height);
    },
    complain: (text) => {
      trouble = printable(text);
    },
  };
}

/** One change as a line. */
export function changeLine(event: ElectionEvent): string {
  const { at, namespace, lease, change, holder, previousHolder } = event;
  const name = holder ?? 'nobody';
  const token = `token ${tokenText(event)}`;
  const words: Readonly<Record<ElectionEvent['change'], string>> = {
    found: `is held by ${name}, ${token}`,
    elected: `elected ${name}, ${token}${previousHolder === null ? '' : `, after ${previousHolder}`}`,
    restored: `is back, still held by ${name}, ${token}`,
    released: `was released by ${previousHolder ?? name}`,
    deleted: `is gone; ${name} held it`,
    silent: `is not renewed by ${name}, which stays the leader`,
    renewing: `is renewed by ${name} again`,
  };
  return printable(`${at.toISOString()} ${namespace}/${lease} ${words[change]}`);
}

function tokenText({ fencingToken, tokenIsExact }: Pick<ElectionRow, 'fencingToken' | 'tokenIsExact'>): string {
  return fencingToken === null ? '-' : `${tokenIsExact ? '' : '<='}${fencingToken}`;
}

function rowLines(rows: readonly ElectionRow[], width: number): readonly string[] {
  const nowMs = systemClock.nowMs();
  const cells = rows.map((row) => {
    const { last, renewedAtMs } = row;
    const isGone = last.change === 'deleted';
    return [
      row.namespace,
      row.name,
      isGone || row.isReleased ? '-' : (row.holder ?? '-'),
      isGone ? '-' : tokenText(row),
      `${ageText(renewedAtMs === null ? null : nowMs - renewedAtMs)}${row.isSilent ? ' !' : ''}`,
      String(row.changes),
      lastText(last),
    ];
  });
  const lines = tableLines(['NAMESPACE', 'NAME', 'HOLDER', 'TOKEN', 'RENEWED', 'CHANGES', 'LAST CHANGE'], cells, width);
  return rows.length === 0 ? [...lines, 'There is no Lease of this library yet.'] : lines;
}

function lastText({ at, change, holder, previousHolder }: ElectionEvent): string {
  const time = at.toTimeString().slice(0, 8);
  if (change === 'elected' && previousHolder !== null) return `${time} ${previousHolder} -> ${holder ?? '-'}`;
  return `${time} ${change}`;
}
