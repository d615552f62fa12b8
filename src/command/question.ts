/**
 * The common part of the verbs that answer a question: a failure makes the answer unknown.
 */

import type { Answer } from '../explain/onlooker.ts';
import { wordsOf } from '../runtime/quotation.ts';
import { ANSWER, type CommandProcess, UsageError } from './verb.ts';

/** Converts an error into a UsageError. */
export function parseOrComplain<Parsed>(parse: () => Parsed): Parsed {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Runs `answer`. A failure is printed, and makes the answer unknown. */
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

/**
 * One answer for several Leases: `none` if a Lease has no leader or there is no Lease, otherwise `unknown` if an answer
 * is unknown.
 */
export function worstOf(answers: readonly Answer[]): Answer {
  if (answers.length === 0 || answers.includes('none')) return 'none';
  return answers.includes('unknown') ? 'unknown' : 'leader';
}
