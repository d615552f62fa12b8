/**
 * Records what happens in an embedded cluster as the events of a timeline. Pods and Leases come from the writes that the
 * server carried out. Electors of this process report their terms on the channels of `node:diagnostics_channel`.
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Clock } from '../../runtime/clock.ts';
import type { ApiObject } from '../objects/api-object.ts';
import { LEASES } from '../objects/resources.ts';
import type { ApiServer, ObservedWrite } from '../server/api-server.ts';
import type { TimelineEvent, TimelineEventContent, TimelineOptions, TimelinePod } from '../timeline/timeline-event.ts';
import { drawTimeline } from '../timeline/timeline-page.ts';

/** How many events are kept. The earliest are dropped first, and the page says so. */
export const RECORDED_EVENT_LIMIT = 20_000;
/** How many are dropped at once, so that not every event moves all others. */
const LOST_AT_ONCE = 1_000;

const DEFAULT_NAMESPACE = 'default';
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

/** The record of a Pod. */
interface PodMemory {
  /** The number of containers that were started. */
  runs: number;
  terminating: boolean;
  finished: boolean;
}

/** A recorder. It listens until `close()`. */
export class TimelineRecorder {
  readonly #server: ApiServer;
  readonly #clock: Clock;
  readonly #events: TimelineEvent[] = [];
  readonly #pods = new Map<string, PodMemory>();
  /** By the term, which is the same object in both messages about it. */
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
      server.onWrite((write) => this.#noteWrite(write)),
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
    const memory = this.#memoryOf(uid);
    memory.runs += 1;
    this.record({ type: 'processStarted', pod: { name, uid }, process: this.processOf({ name, uid }) });
  }

  /** The present process of a Pod: its name, and from the second container on the number of the container. */
  processOf({ name, uid }: TimelinePod): string {
    const { runs } = this.#memoryOf(uid);
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

  #memoryOf(uid: string): PodMemory {
    const memory = this.#pods.get(uid) ?? { runs: 0, terminating: false, finished: false };
    this.#pods.set(uid, memory);
    return memory;
  }

  #noteWrite({ type, resource, object, resourceVersion }: ObservedWrite): void {
    if (resource === 'pods') this.#notePod(type, object);
    if (resource === 'leases') this.#noteLease(type, object, resourceVersion);
  }

  #notePod(type: ObservedWrite['type'], { metadata, status }: ApiObject): void {
    const { name, uid, deletionTimestamp, deletionGracePeriodSeconds = 0 } = metadata;
    const pod = { name, uid };
    const memory = this.#memoryOf(uid);
    if (type === 'ADDED') return this.record({ type: 'podCreated', pod });
    // A deletion by force marks the object with a grace period of 0, and deletes it at once.
    if (type === 'DELETED') return this.record({ type: 'podGone', pod, forced: !memory.terminating });
    const phase = String(status?.['phase'] ?? '');
    if (!memory.finished && (phase === 'Succeeded' || phase === 'Failed')) {
      memory.finished = true;
      this.record({ type: 'podFinished', pod, phase });
    }
    if (memory.terminating || deletionTimestamp === undefined || deletionGracePeriodSeconds === 0) return;
    memory.terminating = true;
    this.record({ type: 'podTerminating', pod });
  }

  #noteLease(type: ObservedWrite['type'], { metadata, spec }: ApiObject, resourceVersion: string): void {
    const { uid: leaseUid, annotations } = metadata;
    const lease = leaseKey(metadata.namespace ?? DEFAULT_NAMESPACE, metadata.name);
    if (type === 'DELETED') return this.record({ type: 'leaseDeleted', lease, leaseUid });
    const owner = ownerOf(metadata);
    this.record({
      type: 'leaseWritten',
      lease,
      leaseUid,
      owner,
      holder: (spec?.['holderIdentity'] as string | undefined) ?? null,
      released: owner !== null && annotations?.['lease-elector/released'] === owner.uid,
      revision: BigInt(resourceVersion),
    });
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

function ownerOf({ ownerReferences }: ApiObject['metadata']): TimelinePod | null {
  const owner = ownerReferences?.find(({ kind }) => kind === 'Pod');
  return owner === undefined ? null : { name: owner.name, uid: owner.uid };
}

function leaseKey(namespace: string, name: string): string {
  return namespace === DEFAULT_NAMESPACE ? name : `${namespace}/${name}`;
}
