/**
 * Draws `docs/timeline.svg`, the picture of the README, from a recorded run of the demo. `npm run timeline` writes it, and
 * a test compares it with the record. `npm run demo -- --record demo/recorded-run.json` records another run.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DEMO_TITLE, parseRecording } from '../demo/timeline.ts';
import { drawTimelineImage } from '../src/testing/index.ts';

const ROOT = path.join(import.meta.dirname, '..');
const RECORD = path.join(ROOT, 'demo', 'recorded-run.json');
const FILE = path.join(ROOT, 'docs', 'timeline.svg');

const SUMMARY = 'A recorded run of npm run demo: a crash, a hang, a deleted Lease, a force-deleted Pod, a hand-over.';

/** The picture, as the text of an SVG file. */
export function drawRecordedRun(): string {
  return drawTimelineImage(parseRecording(readFileSync(RECORD, 'utf8')), { title: DEMO_TITLE, summary: SUMMARY });
}

if (import.meta.main) writeFileSync(FILE, drawRecordedRun());
