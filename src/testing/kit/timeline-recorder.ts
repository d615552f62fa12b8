/**
 * Records what happens in an embedded cluster as the events of a timeline. Pods and Leases come from the writes that the
 * server carried out. Electors of this process report their terms on the channels of `node:diagnostics_channel`.
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Clock } from '../../runtime/clock.ts';
import { LEASES } from '../objects/resources.ts';
import type { ApiServer } from '../server/api-server.ts';
import type { TimelineEvent, TimelineEventContent, TimelineOptions, TimelinePod } from '../timeline/timeline-event.ts';
import { drawTimeline } from '../timeline/timeline-page.ts';
import { leaseKey, ownerOf, WrittenEvents } from './written-events.ts';

/** How many events are kept. The earliest are dropped first, and the page says so. */
export const RECORDED_EVENT_LIMIT = 20_000;
/** How many events are dropped at once, so that most new events drop none. */
const LOST_AT_ONCE = 1_000;

/** The names of the channels and their messages are public (docs/configuration.md, "Logging and tracing"). */
const ELECTED_CHANNEL = 'lease-elector:elected';
const DEMOTED_CHANNEL = 'lease-elector:demoted';

/** The part of an elector's message about its term that is used here. */
interface TermMessage {
  readonly lease: string;
  readonly namespace: string;
  readonly pod: string;
  readonly term: { readonly leaseUid: string; readonly fencingToken: bigint; readonly resumed: boolean };
  readonly reason?: string;
}

/** A process of a Pod that leads. */
interface Leading {
  readonly pod: TimelinePod;
  readonly process: string;
  readonly lease: string;
}

/** A recorder. It listens until `close()`. */
export class TimelineRecorder {
  readonly #server: ApiServer;
  readonly #clock: Clock;
  readonly #events: TimelineEvent[] = [];
  readonly #written = new WrittenEvents();
  /** The number of containers that were started, by the uid of the Pod. */
  readonly #runs = new Map<string, number>();
  /** The processes that lead, by their terms. Both messages about a term contain the same object. */
  readonly #leading = new WeakMap<TermMessage['term'], Leading>();
  readonly #stops: readonly (() => void)[];
  #lost = 0;
  #endedAtMs: number | null = null;

  constructor(server: ApiServer, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    const elected = (message: unknown): void => this.#noteElected(message as TermMessage);
    const demoted = (message: unknown): void => this.#noteDemoted(message as TermMessage);
    subscribe(ELECTED_CHANNEL, elected);
    subscribe(DEMOTED_CHANNEL, demoted);
    this.#stops = [
      server.onWrite((write) => {
        const content = this.#written.of(write);
        if (content !== null) this.record(content);
      }),
      () => unsubscribe(ELECTED_CHANNEL, elected),
      () => unsubscribe(DEMOTED_CHANNEL, demoted),
    ];
  }

  /** Records an event that happens now. */
  record(content: TimelineEventContent): void {
    if (this.#endedAtMs !== null) return;
    this.#events.push({ ...content, atMs: this.#clock.nowMs() });
    if (this.#events.length > RECORDED_EVENT_LIMIT) this.#lost += this.#events.splice(0, LOST_AT_ONCE).length;
  }

  /** A container of the Pod starts: its first or a later one. */
  noteStart({ name, uid }: TimelinePod): void {
    this.#runs.set(uid, (this.#runs.get(uid) ?? 0) + 1);
    this.record({ type: 'processStarted', pod: { name, uid }, process: this.processOf({ name, uid }) });
  }

  /** The present process of a Pod: its name, and from the second container on the number of the container. */
  processOf({ name, uid }: TimelinePod): string {
    const runs = this.#runs.get(uid) ?? 0;
    return runs > 1 ? `${name}#${runs}` : name;
  }

  /** The page of the events so far. */
  page(options: Pick<TimelineOptions, 'title' | 'summary'>): string {
    const untilMs = this.#endedAtMs ?? this.#clock.nowMs();
    return drawTimeline(this.#events, { ...options, untilMs, eventsLost: this.#lost });
  }

  /** Stops recording. The recorded events stay. */
  close(): void {
    if (this.#endedAtMs !== null) return;
    this.#endedAtMs = this.#clock.nowMs();
    for (const stop of this.#stops) stop();
  }

  /** Compares uids, because another cluster of this process can have a Lease of the same name. */
  #noteElected({ lease, namespace, pod: podName, term }: TermMessage): void {
    const metadata = this.#server.store.get(LEASES, namespace, lease)?.metadata;
    const pod = metadata === undefined ? null : ownerOf(metadata);
    if (metadata?.uid !== term.leaseUid || pod?.name !== podName) return;
    const leading = { pod, process: this.processOf(pod), lease: leaseKey(namespace, lease) };
    this.#leading.set(term, leading);
    this.record({ type: 'elected', ...leading, token: term.fencingToken, resumed: term.resumed });
  }

  #noteDemoted({ term, reason = '' }: TermMessage): void {
    const leading = this.#leading.get(term);
    if (leading !== undefined) this.record({ type: 'demoted', ...leading, reason });
  }
}
