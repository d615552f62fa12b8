/**
 * The events of the demo as events of a timeline, and their form in a file.
 */

import type { TimelineEvent, TimelineEventContent, TimelinePod } from '../src/testing/index.ts';
import type { DemoEvent } from './demo-event.ts';

/** The title of the picture. */
export const DEMO_TITLE = 'Three candidates, one leader';

/** Times in a file have this many digits after the millisecond. More would be noise. */
const DIGITS = 1;

/** The values that JSON has no type for. */
const BIGINT_KEYS: readonly string[] = ['token', 'revision'];

/**
 * Translates the events of a run. What repeats what is known, such as the ticks of the job, is left out.
 *
 * @param steps the steps of the script, with their titles
 */
export function timelineOf(
  steps: readonly { readonly id: string; readonly title: string }[],
  events: readonly DemoEvent[],
): readonly TimelineEvent[] {
  const translation = new Translation(new Map(steps.map(({ id, title }) => [id, title])));
  return events
    .toSorted((a, b) => a.atMs - b.atMs)
    .flatMap((event) => translation.of(event).map((content) => ({ ...content, atMs: event.atMs })));
}

class Translation {
  readonly #titles: ReadonlyMap<string, string>;
  /** By the name of the process. */
  readonly #pods = new Map<string, TimelinePod>();
  /** The uids of the Pods that are being deleted. */
  readonly #terminating = new Set<string>();

  constructor(titles: ReadonlyMap<string, string>) {
    this.#titles = titles;
  }

  of(event: DemoEvent): readonly TimelineEventContent[] {
    if ('process' in event) return this.#ofProcess(event);
    switch (event.type) {
      case 'stepBegan':
        return [{ type: 'stepBegan', title: this.#titles.get(event.step) ?? event.step }];
      case 'stepFailed':
        return [{ type: 'noted', text: `the step failed: ${event.outcome}`, tone: 'trouble' }];
      case 'stepDone':
        return [];
      case 'acted':
        return [{ type: 'noted', text: event.text, tone: 'note' }];
      case 'podTerminating': {
        this.#terminating.add(event.pod.uid);
        return [{ type: 'podTerminating', pod: event.pod }];
      }
      case 'podGone':
        return [{ type: 'podGone', pod: event.pod, forced: !this.#terminating.has(event.pod.uid) }];
      case 'leaseWritten': {
        const { leaseUid, ownerUid, holder, released, revision } = event;
        const owner = [...this.#pods.values()].find(({ uid }) => uid === ownerUid) ?? null;
        return [{ type: 'leaseWritten', leaseUid, owner, holder, released, revision }];
      }
      case 'leaseGone':
        return [{ type: 'leaseDeleted', leaseUid: event.leaseUid }];
    }
  }

  #ofProcess(event: Extract<DemoEvent, { readonly process: string }>): readonly TimelineEventContent[] {
    const { process } = event;
    if (event.type === 'processStarted') {
      const pod = { name: event.pod.name, uid: event.pod.uid };
      const isNew = ![...this.#pods.values()].some(({ uid }) => uid === pod.uid);
      this.#pods.set(process, pod);
      return [...(isNew ? [{ type: 'podCreated', pod } as const] : []), { type: 'processStarted', pod, process }];
    }
    const pod = this.#pods.get(process);
    if (pod === undefined) return [];
    const subject = { pod, process };
    switch (event.type) {
      case 'signalled':
        if (event.signal === 'SIGSTOP') return [{ type: 'processHung', ...subject }];
        if (event.signal === 'SIGCONT') return [{ type: 'processResumed', ...subject }];
        // The end of the process follows at once.
        return event.signal === 'SIGTERM'
          ? [{ type: 'noted', text: 'receives SIGTERM', tone: 'note', ...subject }]
          : [];
      case 'processEnded':
        return [{ type: 'processEnded', how: event.how, crashed: event.how !== 'exit code 0', ...subject }];
      case 'elected':
        return [{ type: 'elected', token: event.token, resumed: event.resumed, ...subject }];
      case 'demoted':
        return [{ type: 'demoted', reason: event.reason, draining: true, ...subject }];
      case 'jobEnded':
        return [{ type: 'workEnded', ...subject }];
      case 'stale':
        return [{ type: 'noted', text: `reports ${event.leader} as stale`, tone: 'trouble', ...subject }];
      case 'noted':
        return [{ type: 'noted', text: event.text, tone: 'trouble', ...subject }];
      case 'jobTicked':
      case 'leaderChanged':
        return [];
    }
  }
}

/** The text of a file with events: one line an event. */
export function formatRecording(events: readonly TimelineEvent[]): string {
  const lines = events.map(({ atMs, ...content }) => {
    const line = { atMs: Number(atMs.toFixed(DIGITS)), ...content };
    return JSON.stringify(line, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  });
  return `[\n${lines.join(',\n')}\n]\n`;
}

/** The events of such a file. */
export function parseRecording(text: string): readonly TimelineEvent[] {
  return JSON.parse(text, (key, value: unknown) =>
    BIGINT_KEYS.includes(key) ? BigInt(String(value)) : value,
  ) as readonly TimelineEvent[];
}
