/**
 * What the verbs that answer a question have in common: a failure means that nobody can tell.
 */

import type { Answer } from '../explain/onlooker.ts';
import { wordsOf } from '../runtime/quotation.ts';
import { ANSWER, type CommandProcess, UsageError } from './verb.ts';

/** Turns an error into one of the command line. */
export function parseOrComplain<Parsed>(parse: () => Parsed): Parsed {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Runs what answers, and makes "cannot tell" of a failure. */
export async function answering(
  json: boolean,
  process: CommandProcess,
  answer: () => Promise<number>,
): Promise<number> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const words = error instanceof Error ? error.message : wordsOf(error);
    if (json) process.write(`${JSON.stringify({ answer: 'unknown', error: words }, null, 2)}\n`);
    else process.complain(`Cannot tell: ${words}\n`);
    return ANSWER.unknown;
  }
}

/** One answer for several Leases. That nobody leads one of them is the worst, since it is known. */
export function worstOf(answers: readonly Answer[]): Answer {
  if (answers.length === 0 || answers.includes('none')) return 'none';
  return answers.includes('unknown') ? 'unknown' : 'leader';
}
