/**
 * Whether two processes of a run led at the same time.
 */

/** The reports of a process, and the time of its end. */
export interface Leadership {
  readonly podName: string;
  readonly reports: readonly { readonly event: string; readonly atMs: number }[];
  /** Infinite while it runs. */
  readonly endedAtMs: number;
  /** Its Pod was force-deleted while it ran. It may lead beside its successor until it receives that event. */
  readonly isGhost: boolean;
}

/** Whether the process led at that time. */
export function leadsAt({ reports, endedAtMs }: Leadership, atMs: number): boolean {
  if (endedAtMs <= atMs) return false;
  const changes = reports.filter(({ event, atMs: at }) => /^(?:elected|demoted)$/.test(event) && at <= atMs);
  return changes.at(-1)?.event === 'elected';
}

/** A text for each election of a process while another process led. Ghosts do not count. */
export function overlapsOf(processes: readonly Leadership[]): readonly string[] {
  return processes.flatMap((process) =>
    process.reports
      .filter(({ event }) => event === 'elected')
      .flatMap(({ atMs }) => processes.filter((other) => other !== process && !other.isGhost && leadsAt(other, atMs)))
      .map((other) => `${process.podName} was elected while ${other.podName} led`),
  );
}
