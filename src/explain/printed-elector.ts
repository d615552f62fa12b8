/** Prints an elector for `console.log` and `util.inspect`: its public state instead of its private parts. */

import { type InspectOptionsStylized, inspect } from 'node:util';
import type { Leader, Term } from '../events.ts';

/** The printed properties of an elector. */
export interface PrintedElector {
  readonly state: string;
  readonly leader: Leader | undefined;
  readonly term: Term | undefined;
  readonly unverifiedForMs: number;
}

/**
 * The method `inspect.custom` of an elector.
 * @param depth the number of levels to print; below 0, only the class name
 */
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
  return `${name} ${inspect(shown, { ...options, depth })}`;
}
