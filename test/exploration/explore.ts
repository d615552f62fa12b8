/**
 * `npm run explore`: explores the election systematically and prints what it covered.
 */
import { systemClock } from '../../src/clock.ts';
import { explore } from './exploration.ts';
import { PRODUCTION } from './mutants.ts';
import { type ScopeName, scopeOf } from './scopes.ts';

const [name = 'take-over', candidates = '2', faults = '1', limit = '3000000'] = process.argv.slice(2);
const began = systemClock.nowMs();
const f = explore({
  core: PRODUCTION,
  scope: scopeOf(name as ScopeName, Number(candidates), Number(faults)),
  limit: Number(limit),
  onProgress: (p) =>
    process.stderr.write(`\r${JSON.stringify(p)} ${Math.round((p.states / (systemClock.nowMs() - began)) * 1000)}/s `),
});
console.log(
  name,
  candidates,
  faults,
  JSON.stringify(f, null, 0).slice(0, 6000),
  Math.round(systemClock.nowMs() - began),
  'ms',
  Math.round(process.memoryUsage().rss / 1e6),
  'MB',
);
