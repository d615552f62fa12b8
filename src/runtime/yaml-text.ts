/**
 * Writes JSON values as YAML: nested maps, lists and scalars by indentation, as kubectl writes them.
 */

/** The words that YAML 1.1, as Kubernetes parses it, reads as a boolean or as null. */
const OTHER_THAN_TEXT = /^(?:null|true|false|yes|no|y|n|on|off)$/i;

/** Writes a JSON value as one YAML document. Fields that are undefined are left out. */
export function writeYaml(value: unknown): string {
  return `${writeBlock(value, '').replace(/^\n/, '')}\n`;
}

function writeBlock(value: unknown, indent: string): string {
  if (Array.isArray(value) && value.length > 0) {
    return value.map((item) => `\n${indent}-${nestedItem(item, `${indent}  `)}`).join('');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0) {
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
    return entries.map(([key, entry]) => `\n${indent}${writeScalar(key)}:${writeEntry(entry, indent)}`).join('');
  }
  return ` ${writeScalar(value)}`;
}

function writeEntry(value: unknown, indent: string): string {
  return writeBlock(value, Array.isArray(value) ? indent : `${indent}  `);
}

function nestedItem(item: unknown, indent: string): string {
  const text = writeBlock(item, indent);
  return text.startsWith('\n') ? ` ${text.slice(1 + indent.length)}` : text;
}

function writeScalar(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  const plain = /^[A-Za-z_/][\w./-]*$/.test(value) && !OTHER_THAN_TEXT.test(value);
  return plain ? value : JSON.stringify(value);
}
