/**
 * The tables that compare `explain()` at the end of a story with the expected explanation.
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

/** A configuration in which a stopped Pod counts as gone. */
export const COUNTS_STOPPED: typeof CONFIG = { ...CONFIG, succession: 'pod-stopped' };

/** The monotonic time at which every story begins. */
const STARTED_AT_MS = new Story().nowMs;

/** One row: a condition, and the exact explanation. A missing field is `null`. */
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

/** The explanation of an elector in the state of the story. */
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
 * Compares a section of `docs/explain.md` with the explanations and events of each condition. `REWRITE=1` writes the
 * section.
 *
 * @param section the heading
 */
export function checkPage(section: string, rows: readonly Row[]): void {
  checkSection(section, () => `${HEAD}${rows.map(lineOf).join('')}`);
}

/** Compares a section that has another table. */
export function checkSection(section: string, table: () => string): void {
  test(`the section "${section}" of docs/explain.md is up to date`, () => {
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

const HEAD = '| condition | reason | message of `explain()` | events |\n|---|---|---|---|\n';

function lineOf({ what, story, reason, message }: Row): string {
  const events = story().effects.flatMap((effect) =>
    effect.type === 'announce' ? describeEvent(effect.announcement) : [],
  );
  return `| ${[what, `\`${reason}\``, message, events.join(', ') || 'none'].map(inCell).join(' | ')} |\n`;
}

function inCell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function describeEvent(announcement: Announcement): string | readonly string[] {
  switch (announcement.type) {
    case 'leaderChanged':
      return `\`leaderChanged\` ${announcement.leader?.name ?? 'null'}`;
    case 'demoted':
      return `\`demoted\` ${announcement.reason}`;
    case 'warning':
      return `\`warning\` ${announcement.code}`;
    case 'steppedDown':
      // It settles the promise of stepDown() and is not an event.
      return [];
    default:
      return `\`${announcement.type}\``;
  }
}

/** A 403 with the missing rule. */
export function forbidden(verb: string, resource: 'leases' | 'pods'): RequestFailure {
  const apiGroup = resource === 'pods' ? '' : 'coordination.k8s.io';
  const missingRule: MissingRule = { verb, apiGroup, resource, namespace: CONFIG.namespace };
  return { ...failure('forbidden'), missingRule, message: `it was answered 403. Grant \`${verb}\` on ${resource}` };
}

/** A candidate that sees this report of the rival's Pod. */
export function sees(changes: Parameters<typeof reportOf>[0], terminating: boolean = false): Story {
  return follows().podWatched(RIVAL, podOf(RIVAL, { resourceVersion: '6', terminating, report: reportOf(changes) }));
}
