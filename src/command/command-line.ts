/**
 * The command line of the executable `lease-elector`: finds the verb, prints help, and converts errors into exit codes.
 *
 * A verb is loaded only when it is called.
 */

import { suggestionFor } from '../runtime/suggestion.ts';
import { type CommandProcess, EXIT, UsageError, type Verb } from './verb.ts';

interface KnownVerb {
  /** The line of the verb in the help. */
  readonly summary: string;
  readonly load: () => Promise<Verb>;
}

const VERBS: Readonly<Record<string, KnownVerb>> = {
  explain: {
    summary: 'explain why there is or is not a leader, and print the command that helps',
    load: async () => (await import('./explain.ts')).explain,
  },
  list: {
    summary: 'list the Leases of this library, with their holders',
    load: async () => (await import('./list.ts')).list,
  },
  watch: {
    summary: 'show elections as they happen',
    load: async () => (await import('./watch.ts')).watch,
  },
  apiserver: {
    summary: 'run a Kubernetes API server in memory, for development and tests',
    load: async () => (await import('./apiserver.ts')).apiserver,
  },
  manifests: {
    summary: 'print the objects that a cluster needs to run an application with an elector',
    load: async () => (await import('./manifests.ts')).manifests,
  },
};

const HELP: ReadonlySet<string | undefined> = new Set(['--help', '-h', 'help']);

/** Runs the verb in the first argument, and returns the exit code. */
export async function runCommandLine(args: readonly string[], process: CommandProcess): Promise<number> {
  const [name, ...rest] = args;
  if (HELP.has(name)) {
    process.write(usage());
    return EXIT.success;
  }
  const known = name !== undefined && Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (known === undefined) {
    process.complain(`${describeUnknown(name)}\n\n${usage()}`);
    return EXIT.usage;
  }
  const verb = await known.load();
  if (rest.some((argument) => argument === '--help' || argument === '-h')) {
    process.write(verb.usage);
    return EXIT.success;
  }
  try {
    return await verb.run(rest, process);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isUsage = error instanceof UsageError;
    process.complain(`lease-elector ${name}: ${message}\n${isUsage ? `\n${verb.usage}` : ''}`);
    return isUsage ? EXIT.usage : EXIT.failure;
  }
}

function usage(): string {
  const lines = Object.entries(VERBS).map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}\n`);
  return `Usage: lease-elector VERB [options]\n\n${lines.join('')}\nlease-elector VERB --help prints the options of a verb.\n`;
}

function describeUnknown(name: string | undefined): string {
  if (name === undefined) return 'A verb is missing.';
  const suggested = suggestionFor(name, Object.keys(VERBS), false);
  return `There is no verb ${JSON.stringify(name)}.${suggested === null ? '' : ` Did you mean ${suggested}?`}`;
}
