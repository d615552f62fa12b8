/**
 * The debug output for `DEBUG=lease-elector*`.
 *
 * The package `debug` prints the lines. It is loaded by `import()`, and only if `$DEBUG` enables a namespace of this
 * library. Loading takes a twentieth of the time from the start of a process to its election. A bundler finds the
 * `import()`. If it fails (the module is missing, or a bundle cannot evaluate it), the error never reaches the
 * application.
 */

import { format } from 'node:util';

/** Writes a line if its namespace is enabled; check `enabled` before preparing a costly line. */
export interface DebugLog {
  (format: string, ...values: unknown[]): void;
  readonly enabled: boolean;
}

/** Creates the printer of one namespace, as the package `debug` does. */
type CreatePrinter = (namespace: string) => (format: string, ...values: unknown[]) => void;

/** One line, before it is printed. */
interface Line {
  readonly namespace: string;
  readonly format: string;
  readonly values: readonly unknown[];
}

/**
 * The largest number of lines that wait for the package `debug`, which loads within milliseconds. Later lines are only
 * counted.
 */
export const WAITING_LINES_LIMIT = 1_000;

const SILENT: DebugLog = Object.assign(() => {}, { enabled: false });

/**
 * Whether `$DEBUG` enables a namespace, by the rules of the package `debug`: names with wildcards, separated by spaces
 * or commas. A minus before a name disables it.
 */
export function isAsked(namespace: string, debugVariable: string): boolean {
  const names = debugVariable.split(/[\s,]+/).filter((name) => name !== '');
  const leftOut = names.filter((name) => name.startsWith('-')).map((name) => name.slice(1));
  return !leftOut.some((name) => matches(namespace, name)) && names.some((name) => matches(namespace, name));
}

/** Whether a namespace matches a name in which `*` matches any text. */
function matches(namespace: string, name: string): boolean {
  const [start = '', ...parts] = name.split('*');
  const end = parts.pop();
  if (end === undefined) return namespace === name;
  if (!namespace.startsWith(start)) return false;
  let position = start.length;
  for (const part of parts) {
    const found = namespace.indexOf(part, position);
    if (found === -1) return false;
    position = found + part.length;
  }
  return namespace.length - end.length >= position && namespace.endsWith(end);
}

/**
 * Keeps the lines in order until there is a printer: the printer of the package `debug`, or a plain printer if the
 * package cannot be loaded.
 */
export class DebugPrinter {
  readonly #load: () => Promise<CreatePrinter>;
  readonly #writePlain: (text: string) => void;
  readonly #printers: Map<string, ReturnType<CreatePrinter>> = new Map();
  #waiting: Line[] = [];
  #droppedCount = 0;
  #create: CreatePrinter | null = null;
  #loading: Promise<void> | null = null;

  constructor(load: () => Promise<CreatePrinter>, writePlain: (text: string) => void) {
    this.#load = load;
    this.#writePlain = writePlain;
  }

  /** Prints a line, immediately or as soon as the package `debug` is loaded. */
  print(line: Line): void {
    if (this.#create !== null) {
      this.#printNow(line, this.#create);
    } else if (this.#waiting.length < WAITING_LINES_LIMIT) {
      this.#waiting.push(line);
    } else {
      this.#droppedCount += 1;
    }
  }

  /** Loads the package `debug`, once. Never rejects. */
  load(): Promise<void> {
    this.#loading ??= this.#load().then(
      (create) => this.#begin(create),
      () => this.#begin(this.#plain),
    );
    return this.#loading;
  }

  /**
   * Prints the waiting lines with the plain printer, because the process ends. The debug output of a process that fails
   * at its start is the most important.
   */
  end(): void {
    this.#begin(this.#plain);
  }

  #begin(create: CreatePrinter): void {
    if (this.#create !== null) return;
    this.#create = create;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const line of waiting) this.#printNow(line, create);
    if (this.#droppedCount > 0) {
      this.#printNow({ namespace: 'lease-elector', format: '%d lines are lost', values: [this.#droppedCount] }, create);
    }
  }

  #printNow({ namespace, format, values }: Line, create: CreatePrinter): void {
    let printer = this.#printers.get(namespace);
    if (printer === undefined) {
      printer = create(namespace);
      this.#printers.set(namespace, printer);
    }
    printer(format, ...values);
  }

  readonly #plain: CreatePrinter =
    (namespace) =>
    (text, ...values) =>
      this.#writePlain(`${namespace} ${format(text, ...values)}\n`);
}

async function loadDebug(): Promise<CreatePrinter> {
  const { default: create } = await import('debug');
  return create;
}

let printer: DebugPrinter | null = null;

/** The printer of this process. */
function sharedPrinter(): DebugPrinter {
  if (printer === null) {
    const made = new DebugPrinter(loadDebug, (text) => process.stderr.write(text));
    printer = made;
    process.once('exit', () => made.end());
    void made.load();
  }
  return printer;
}

/** The log of one namespace. `$DEBUG` is read once, when the library is loaded. */
export function debugLog(namespace: string): DebugLog {
  if (!isAsked(namespace, process.env['DEBUG'] ?? '')) return SILENT;
  const shared = sharedPrinter();
  const write = (format: string, ...values: unknown[]): void => shared.print({ namespace, format, values });
  return Object.assign(write, { enabled: true });
}
