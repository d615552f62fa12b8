/**
 * Puts happenings into words, one line each. Those that only repeat what is known (ticks, renewals) get none.
 */

import type { Happening } from './happening.ts';
import type { Tone } from './styled-text.ts';

/** One line of the log. */
export interface Remark {
  readonly atMs: number;
  /** The Pod or process it is about, or who speaks. */
  readonly who: string;
  readonly text: string;
  readonly tone: Tone;
}

/** Who speaks where no candidate does. */
const DIRECTOR = 'director';
const CLUSTER = 'cluster';

/** Remembers what was said, so that nothing is said twice. */
export class Narrator {
  #leaseUid: string | null = null;
  #released = false;

  /** The words for a happening; null when it needs none. */
  tell(happening: Happening): Remark | null {
    const words = this.#words(happening);
    if (words === null) return null;
    const [who, text, tone = 'plain'] = words;
    return { atMs: happening.atMs, who, text, tone };
  }

  #words(event: Happening): readonly [who: string, text: string, tone?: Tone] | null {
    switch (event.type) {
      case 'acted':
        return [DIRECTOR, event.text, 'busy'];
      case 'sightLost':
        return [DIRECTOR, `does not see the cluster any more: ${event.text}`, 'bad'];
      case 'podGone':
        return [CLUSTER, `Pod ${event.pod.name} is gone (revision ${event.revision})`];
      case 'leaseWritten':
        return this.#leaseWords(event.leaseUid, event.holder, event.released);
      case 'leaseGone':
        return [CLUSTER, `the Lease is gone (revision ${event.revision})`];
      case 'processStarted':
        return [event.process, `starts as process ${event.pid}`, 'faint'];
      case 'processEnded':
        return [event.process, `ended: ${event.how}`, 'faint'];
      case 'elected':
        return [
          event.process,
          event.resumed ? `resumes its term, token ${event.token}` : `is elected, token ${event.token}`,
          'good',
        ];
      case 'demoted':
        return [event.process, `leads no more: ${event.reason}`, 'strong'];
      case 'leaderChanged':
        return followerWords(event.process, event.leader);
      case 'stale':
        return [event.process, `reports ${event.leader} as stale`, 'busy'];
      case 'noted':
        return [event.process, event.text, 'faint'];
      case 'podCreated':
      case 'podTerminating':
      case 'processSuspended':
      case 'processContinued':
      case 'jobTicked':
      case 'jobEnded':
      case 'stepBegan':
      case 'stepDone':
      case 'stepFailed':
        return null;
    }
  }

  #leaseWords(leaseUid: string, holder: string | null, released: boolean): readonly [string, string] | null {
    const isNews = leaseUid !== this.#leaseUid || released !== this.#released;
    this.#leaseUid = leaseUid;
    this.#released = released;
    if (!isNews) return null;
    return released ? [CLUSTER, `${holder} released the Lease`] : [CLUSTER, `a new Lease, held by ${holder}`];
  }
}

/** That a leader sees itself lead is no news. */
function followerWords(process: string, leader: string | null): readonly [string, string, Tone] | null {
  if (leader === null) return [process, 'sees no leader', 'faint'];
  return process.startsWith(`${leader}#`) ? null : [process, `sees ${leader} lead`, 'faint'];
}
