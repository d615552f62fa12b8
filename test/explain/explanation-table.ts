/**
 * What `explain()` says at the end of a story, and the tables that compare it with what it should say.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Announcement } from '../../src/core/effect.ts';
import { currentLeader } from '../../src/core/observation.ts';
import type { MissingRule, RequestFailure } from '../../src/core/request-failure.ts';
import { explain } from '../../src/explain/explain.ts';
import type { Explanation } from '../../src/explain/explanation.ts';
import { CONFIG, failure, follows, podOf, RIVAL, reportOf, Story } from '../core/story.ts';

/** Of an elector with which a Pod that has stopped counts as gone. */
export const COUNTS_STOPPED: typeof CONFIG = { ...CONFIG, succession: 'pod-stopped' };

/** When every story begins. */
const STARTED_AT_MS = new Story().nowMs;

/** One row: what is so, and exactly what is said about it; what is left out is `null`. */
export interface Row {
  readonly what: string;
  readonly story: () => Story;
  readonly reason: Explanation['reason'];
  readonly message: string;
  readonly endsWhen: string;
  readonly command?: string;
  /** Whether the command comes with a caution. */
  readonly cautious?: boolean;
  readonly since?: string;
  readonly missing?: readonly string[];
}

/** What an elector in the state of the story would say. */
export function explained({ state, diagnostics, nowMs, wallMs }: Story): Explanation {
  const leader = currentLeader(state.knowledge);
  return explain({
    election: state,
    diagnostics,
    started: true,
    local: false,
    over: state.role.name === 'stopped',
    endedBy: null,
    idleWork: null,
    leader:
      leader === null
        ? null
        : { name: leader.name, uid: leader.uid, since: new Date(leader.acquireTimeMs ?? 0), renewTimeAgeMs: null },
    unverifiedForMs: nowMs - Math.max(state.knowledge.verifiedAtMs, STARTED_AT_MS),
    nowMs,
    wallMs,
  });
}

/** Makes each row a test. */
export function checkTable(rows: readonly Row[]): void {
  for (const { what, story, ...expected } of rows) {
    test(what, () => {
      const { reason, message, endsWhen, command, caution, since, missingRules } = explained(story());
      assert.deepEqual(
        {
          reason,
          message,
          endsWhen,
          ...(command === null ? {} : { command }),
          ...(caution === null ? {} : { cautious: true }),
          ...(since === null ? {} : { since: since.toISOString() }),
          ...(missingRules.length === 0
            ? {}
            : { missing: missingRules.map(({ verb, resource }) => `${verb} ${resource}`) }),
        },
        expected,
      );
    });
  }
}

const PAGE = new URL('../../docs/explain.md', import.meta.url);

/**
 * The page `docs/explain.md` sets each condition beside what is said and told. `REWRITE=1` writes this section of it.
 *
 * @param section its heading
 */
export function checkPage(section: string, rows: readonly Row[]): void {
  checkSection(section, () => `${HEAD}${rows.map(lineOf).join('')}`);
}

/** The same for a section with a table of its own. */
export function checkSection(section: string, table: () => string): void {
  test(`the section "${section}" of docs/explain.md says what is said`, () => {
    const page = readFileSync(PAGE, 'utf8');
    const begin = page.indexOf(`\n## ${section}\n`);
    assert.ok(begin >= 0, 'the section is missing');
    const next = page.indexOf('\n## ', begin + 1);
    const end = next < 0 ? page.length : next;
    const after = `\n## ${section}\n\n${table()}`;
    if (process.env['REWRITE'] === '1') writeFileSync(PAGE, page.slice(0, begin) + after + page.slice(end));
    else assert.equal(page.slice(begin, end), after, 'Write it again: REWRITE=1 node --test test/explain/*.test.ts');
  });
}

const HEAD = '| what is so | reason | what `explain()` says | events |\n|---|---|---|---|\n';

function lineOf({ what, story, reason, message }: Row): string {
  const events = story().effects.flatMap((effect) => (effect.type === 'announce' ? sayEvent(effect.announcement) : []));
  return `| ${[what, `\`${reason}\``, message, events.join(', ') || 'none'].map(inCell).join(' | ')} |\n`;
}

function inCell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function sayEvent(announcement: Announcement): string | readonly string[] {
  switch (announcement.type) {
    case 'leaderChanged':
      return `\`leaderChanged\` ${announcement.leader?.name ?? 'null'}`;
    case 'demoted':
      return `\`demoted\` ${announcement.reason}`;
    case 'warning':
      return `\`warning\` ${announcement.code}`;
    case 'steppedDown':
      // The end of the promise of stepDown(), and no event.
      return [];
    default:
      return `\`${announcement.type}\``;
  }
}

/** A 403, and the rule that is missing. */
export function forbidden(verb: string, resource: 'leases' | 'pods'): RequestFailure {
  const apiGroup = resource === 'pods' ? '' : 'coordination.k8s.io';
  const missingRule: MissingRule = { verb, apiGroup, resource, namespace: CONFIG.namespace };
  return { ...failure('forbidden'), missingRule, message: `it was answered 403. Grant \`${verb}\` on ${resource}` };
}

/** A candidate whose rival's Pod is reported so. */
export function sees(changes: Parameters<typeof reportOf>[0], terminating: boolean = false): Story {
  return follows().podWatched(RIVAL, podOf(RIVAL, { resourceVersion: '6', terminating, report: reportOf(changes) }));
}
