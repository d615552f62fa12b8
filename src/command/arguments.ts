/** Parses the arguments of a verb, and describes an unknown option. */

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { suggestionFor } from '../runtime/suggestion.ts';

/** Parses as `parseArgs` does. @throws {Error} with a message for the person at the terminal */
export function parsedArguments<Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> {
  const unknown = unknownOption(config);
  if (unknown !== null) throw new Error(unknown);
  return parseArgs(config);
}

/**
 * The message about the first unknown option; `null` when all options are known. Unlike the message of Node.js, it
 * suggests an option.
 */
function unknownOption({ args = [], options = {} }: ParseArgsConfig): string | null {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const known = Object.keys(options);
  const found = tokens.find((token) => token.kind === 'option' && !known.includes(token.name));
  if (found?.kind !== 'option') return null;
  const suggested = suggestionFor(found.name, [...known, 'help'], false);
  return `unknown option ${found.rawName}.${suggested === null ? '' : ` Did you mean --${suggested}?`}`;
}
