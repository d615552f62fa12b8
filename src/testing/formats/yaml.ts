/**
 * Reads the plain YAML that people send by hand: nested maps, lists and scalars by indentation. No anchors, tags, flow
 * collections over several lines or block scalars. The writer is in runtime/yaml-text.ts.
 */

import type { JsonObject } from '../objects/api-object.ts';

/** The text is not YAML, or uses a feature of YAML that this reader does not support. */
export class YamlSyntaxError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'YamlSyntaxError';
  }
}

interface Line {
  readonly indent: number;
  readonly text: string;
  readonly number: number;
}

/** Reads one YAML document; JSON is also YAML. */
export function readYaml(text: string): unknown {
  const trimmed = text.trim();
  if (trimmed.startsWith('{') || trimmed.startsWith('[')) return readFlow(trimmed, 1);
  const lines = text
    .split('\n')
    .map((line, index): Line => {
      const content = line.replace(/\s+#.*$|^#.*$/, '').trimEnd();
      return { indent: content.length - content.trimStart().length, text: content.trimStart(), number: index + 1 };
    })
    .filter((line) => line.text !== '' && line.text !== '---');
  if (lines.length === 0) return null;
  const reader = new YamlReader(lines);
  const value = reader.block(lines[0]?.indent ?? 0);
  reader.expectEnd();
  return value;
}

class YamlReader {
  readonly #lines: readonly Line[];
  #at = 0;

  constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  expectEnd(): void {
    const line = this.#lines[this.#at];
    if (line !== undefined) throw new YamlSyntaxError(`yaml: line ${line.number}: did not find expected key`);
  }

  block(indent: number): unknown {
    const line = this.#lines[this.#at];
    if (line === undefined) return null;
    return isItem(line.text) ? this.#list(indent) : this.#map(indent);
  }

  #list(indent: number): unknown[] {
    const list: unknown[] = [];
    for (let line = this.#lines[this.#at]; line?.indent === indent && isItem(line.text); line = this.#lines[this.#at]) {
      const rest = line.text.slice(1).trimStart();
      if (rest === '') {
        this.#at += 1;
        list.push(this.#nested(indent));
      } else if (/^[^"'{[][^:]*:(?:\s|$)/.test(rest)) {
        // `- key: value` opens a map whose keys are in the column of the first one.
        const inner = indent + line.text.length - rest.length;
        (this.#lines as Line[])[this.#at] = { ...line, indent: inner, text: rest };
        list.push(this.#map(inner));
      } else {
        this.#at += 1;
        list.push(readScalar(rest, line.number));
      }
    }
    return list;
  }

  #map(indent: number): JsonObject {
    const map: JsonObject = {};
    for (
      let line = this.#lines[this.#at];
      line?.indent === indent && !isItem(line.text);
      line = this.#lines[this.#at]
    ) {
      const match = /^("(?:[^"\\]|\\.)*"|'[^']*'|[^\s:][^:]*?(?::[^\s:][^:]*?)*)\s*:(?:\s+(.*))?$/.exec(line.text);
      if (match === null) throw new YamlSyntaxError(`yaml: line ${line.number}: could not find expected ':'`);
      const key = String(readQuoted(match[1] ?? ''));
      this.#at += 1;
      map[key] = match[2] === undefined || match[2] === '' ? this.#nested(indent) : readScalar(match[2], line.number);
    }
    return map;
  }

  #nested(indent: number): unknown {
    const next = this.#lines[this.#at];
    if (next === undefined) return null;
    if (next.indent > indent || (next.indent === indent && isItem(next.text))) return this.block(next.indent);
    return null;
  }
}

function isItem(text: string): boolean {
  return text === '-' || text.startsWith('- ');
}

function readQuoted(text: string): string {
  if (text.startsWith('"')) return JSON.parse(text) as string;
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  return text;
}

function readFlow(text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (text === '{}') return {};
    if (text === '[]') return [];
    throw new YamlSyntaxError(`yaml: line ${line}: did not find expected node content`);
  }
}

function readScalar(text: string, line: number): unknown {
  if (text.startsWith('"') || text.startsWith("'")) return readQuoted(text);
  if (text.startsWith('{') || text.startsWith('[')) return readFlow(text, line);
  if (/^[|>&*!%@`]/.test(text)) throw new YamlSyntaxError(`yaml: line ${line}: not supported by this server: ${text}`);
  if (/^(?:null|Null|NULL|~)$/.test(text)) return null;
  // YAML 1.1, as Kubernetes reads it: y and on are booleans (wire recording lease-bad-requests).
  if (/^(?:true|True|TRUE|yes|Yes|YES|y|Y|on|On|ON)$/.test(text)) return true;
  if (/^(?:false|False|FALSE|no|No|NO|n|N|off|Off|OFF)$/.test(text)) return false;
  if (/^[-+]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(text)) return Number(text);
  return text;
}
