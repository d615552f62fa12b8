/**
 * Whether two processes of a run led at the same time.
 */

/** What a process reported, and when it ended. */
export interface Leadership {
  readonly podName: string;
  readonly reports: readonly { readonly event: string; readonly atMs: number }[];
  /** Infinite while it runs. */
  readonly endedAtMs: number;
  /** Its Pod was force-deleted while it ran: it may lead beside its successor until it learns of that. */
  readonly isGhost: boolean;
}

/** Whether the process led at that time. */
export function leadsAt({ reports, endedAtMs }: Leadership, atMs: number): boolean {
  if (endedAtMs <= atMs) return false;
  const changes = reports.filter(({ event, atMs: at }) => /^(?:elected|demoted)$/.test(event) && at <= atMs);
  return changes.at(-1)?.event === 'elected';
}

/** Each moment at which a process was elected while another led, ghosts aside, in words. */
export function overlapsOf(processes: readonly Leadership[]): readonly string[] {
  return processes.flatMap((process) =>
    process.reports
      .filter(({ event }) => event === 'elected')
      .flatMap(({ atMs }) => processes.filter((other) => other !== process && !other.isGhost && leadsAt(other, atMs)))
      .map((other) => `${process.podName} was elected while ${other.podName} led`),
  );
}
