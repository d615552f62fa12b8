/**
 * A process with one candidate or many, each of a different Pod. `candidate-process.ts` sends it commands over IPC. Its
 * first argument is the kind of the candidates.
 */

import type { LeaseElector } from '../../src/index.ts';
import type { Variant } from './bare-candidate.ts';

/** A candidate to add. */
export interface Join {
  readonly command: 'join';
  readonly pod: string;
  readonly lease: string;
  readonly directory: string;
  readonly host: string;
  readonly port: string;
}

/** An order to this process. */
export type Order = Join | { readonly command: 'stop' | 'kill'; readonly pod: string };

/** A report of this process. The moment is that of the monotonic clock, in milliseconds. */
export interface HostReport {
  readonly event: 'joined' | 'elected' | 'stopped' | 'failed';
  readonly pod: string;
  readonly atMs: number;
  readonly detail?: string;
}

const kind = process.argv[2] ?? '';

/**
 * In milliseconds. A renewal carries the name of the successor, and with the default of ten seconds a run would take
 * too long.
 */
const RENEW_INTERVAL_MS = Number(process.argv[3] ?? '1000');

const electors = new Map<string, LeaseElector>();
const bare = new Map<string, () => void>();

function report(event: HostReport['event'], pod: string, detail?: string): void {
  const atMs = Number(process.hrtime.bigint()) / 1e6;
  process.send?.({ event, pod, atMs, ...(detail === undefined ? {} : { detail }) } satisfies HostReport);
}

async function join({ pod, lease, directory, host, port }: Join): Promise<void> {
  if (kind === 'lease-elector') {
    const { LeaseElector } = await import('../../src/index.ts');
    process.env['KUBERNETES_SERVICE_HOST'] = host;
    process.env['KUBERNETES_SERVICE_PORT'] = port;
    const elector = new LeaseElector({
      lease,
      serviceAccountDirectory: directory,
      renewIntervalMs: RENEW_INTERVAL_MS,
      onElected: async () => report('elected', pod),
    });
    elector.on('warning', ({ code }) => report('failed', pod, code));
    electors.set(pod, elector);
    await elector.start();
  } else {
    const { runBareCandidate } = await import('./bare-candidate.ts');
    const options = { lease, directory, host, port, variant: kind as Variant, elected: () => report('elected', pod) };
    bare.set(pod, await runBareCandidate(options));
  }
  report('joined', pod);
}

process.on('message', (order: Order) => {
  const failed = (error: unknown): void => report('failed', order.pod, String(error));
  if (order.command === 'join') join(order).catch(failed);
  else {
    bare.get(order.pod)?.();
    electors
      .get(order.pod)
      ?.stop()
      .then(() => report('stopped', order.pod), failed);
    electors.delete(order.pod);
  }
});
process.once('disconnect', () => process.exit(0));
