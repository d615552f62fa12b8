/**
 * Reads YAML as Kubernetes does: version 1.1, in which `y` and `on` are booleans. The parser is the package `yaml`, which the
 * build puts into the bundle. The writer is in runtime/yaml-text.ts.
 */

import { type Document, LineCounter, parseAllDocuments, type Tags } from 'yaml';

/** The text is not YAML, or it has a value that JSON cannot represent. */
export class YamlSyntaxError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'YamlSyntaxError';
  }
}

/**
 * The tags of YAML 1.1 that are not used. The decoder of Kubernetes leaves times of day and dates as text
 * (sigs.k8s.io/yaml), and JSON has no value for the last four.
 */
const LEFT_OUT: ReadonlySet<string> = new Set(['intTime', 'floatTime', 'timestamp', 'binary', 'omap', 'pairs', 'set']);

/** Reads the first document of a text; JSON is YAML as well. @throws YamlSyntaxError */
export function readYaml(text: string): unknown {
  const lineCounter = new LineCounter();
  try {
    const documents = parseAllDocuments(text, {
      version: '1.1',
      customTags,
      lineCounter,
      prettyErrors: false,
      // A repeated field replaces the previous one, as in Go.
      uniqueKeys: false,
      logLevel: 'error',
    });
    const [document] = documents;
    return document === undefined ? null : plainValue(document, lineCounter);
  } catch (error) {
    if (error instanceof YamlSyntaxError) throw error;
    // The text has an alias without an anchor, too many aliases, or a nesting that is too deep for the stack.
    throw new YamlSyntaxError(`yaml: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function customTags(tags: Tags): Tags {
  return tags.filter((tag) => !LEFT_OUT.has(nameOf(tag)));
}

/** The variants of the tags `int` and `float` that have a format are for times of day. */
function nameOf(tag: Tags[number]): string {
  if (typeof tag === 'string') return tag;
  const name = tag.tag.replace('tag:yaml.org,2002:', '');
  return 'format' in tag && tag.format === 'TIME' ? `${name}Time` : name;
}

function plainValue(document: Document.Parsed, lineCounter: LineCounter): unknown {
  const [error] = document.errors;
  if (error !== undefined) {
    throw new YamlSyntaxError(`yaml: line ${lineCounter.linePos(error.pos[0]).line}: ${error.message}`);
  }
  const value: unknown = document.toJS();
  refuseEndless(value);
  return value;
}

/** YAML has infinite numbers, and JSON does not. The message is that of Go. */
function refuseEndless(value: unknown): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    const name = Number.isNaN(value) ? 'NaN' : `${value > 0 ? '+' : '-'}Inf`;
    throw new YamlSyntaxError(`json: unsupported value: ${name}`);
  }
  if (typeof value === 'object' && value !== null) for (const entry of Object.values(value)) refuseEndless(entry);
}
