/**
 * Reads and writes the files of `stories/`. A file consists of stanzas: commands, a line `----`, and their output up to
 * the next empty line. `scenario-commands.ts` implements the commands.
 */

/** A line of a story that is a command. */
export interface Command {
  /** `file:line`, for messages. */
  readonly at: string;
  readonly name: string;
  readonly words: readonly string[];
}

/** Commands that share one output. */
export interface Stanza {
  /** Comments, empty lines and commands: all text before `----`, unchanged. */
  readonly text: string;
  readonly commands: readonly Command[];
}

/** A file of `stories/`. */
export interface Scenario {
  readonly stanzas: readonly Stanza[];
  /** Comments after the last stanza. */
  readonly rest: string;
}

const SEPARATOR = '----';

/** Reads a file. @throws {Error} with file and line when the text is not a scenario */
export function parseScenario(file: string, text: string): Scenario {
  const stanzas: Stanza[] = [];
  let before: string[] = [];
  let commands: Command[] = [];
  let inOutput = false;
  for (const [index, line] of text.split('\n').entries()) {
    const at = `${file}:${index + 1}`;
    if (inOutput) {
      inOutput = line !== '';
    } else if (line === SEPARATOR) {
      if (commands.length === 0) throw new Error(`${at}: ${SEPARATOR} without a command before it`);
      stanzas.push({ text: before.join('\n'), commands });
      [before, commands, inOutput] = [[], [], true];
    } else {
      if (line.trim() === '' && commands.length > 0) throw missingSeparator(commands);
      before.push(line);
      const [name = '', ...words] = line.trim().split(/\s+/);
      if (name !== '' && !name.startsWith('#')) commands.push({ at, name, words });
    }
  }
  if (commands.length > 0) throw missingSeparator(commands);
  if (stanzas.length === 0) throw new Error(`${file}: has no command`);
  return { stanzas, rest: before.join('\n').trim() };
}

function missingSeparator(commands: readonly Command[]): Error {
  const last = commands.at(-1);
  return new Error(`${last?.at}: the command ${last?.name} is not followed by ${SEPARATOR} and its output`);
}

/** The file with these outputs, one for each stanza. */
export function writeScenario(scenario: Scenario, outputs: readonly (readonly string[])[]): string {
  const blocks = scenario.stanzas.map(({ text }, index) =>
    [text.trim(), SEPARATOR, ...(outputs[index] ?? [])].join('\n'),
  );
  return `${[...blocks, scenario.rest].filter((block) => block !== '').join('\n\n')}\n`;
}
