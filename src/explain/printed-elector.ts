/**
 * An elector as `console.log` and `util.inspect` print it: what it knows, instead of its private parts.
 */

import { type InspectOptionsStylized, inspect } from 'node:util';
import type { Leader, Term } from '../events.ts';

/** What is printed of an elector. */
export interface PrintedElector {
  readonly state: string;
  readonly leader: Leader | undefined;
  readonly term: Term | undefined;
  readonly unverifiedForMs: number;
}

/** To be called as the method `inspect.custom` of an elector. @param depth how many levels may be printed; below 0 none */
export function printElector(this: PrintedElector, depth: number, options: InspectOptionsStylized): string {
  const name = this.constructor.name;
  if (depth < 0) return options.stylize(`[${name}]`, 'special');
  const { state, leader, term, unverifiedForMs } = this;
  const { fencingToken, resumed, leaseUid, acquireTime } = term ?? {};
  const shown = {
    state,
    leader,
    term: term === undefined ? undefined : { fencingToken, resumed, leaseUid, acquireTime },
    unverifiedForMs: Math.round(unverifiedForMs),
  };
  return `${name} ${inspect(shown, { ...options, depth: options.depth == null ? null : depth })}`;
}
