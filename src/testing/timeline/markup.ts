/**
 * Escapes texts. Names come from a cluster, and any user of it can choose them. Every text of a page is escaped here.
 */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * XML forbids most control characters, even escaped, and halves of surrogate pairs. An SVG file with one of them does not
 * open.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to remove.
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]|\p{Surrogate}/gu;

/** A text as the content of an element or of a quoted attribute, in HTML and in SVG. */
export function escapeText(text: string): string {
  return text.replace(FORBIDDEN, '\ufffd').replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** Attributes as markup. A number has at most three decimals, so that the same events give the same text. */
function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${typeof value === 'number' ? round(value) : escapeText(String(value))}"`)
    .join('');
}

/** An element without content. */
export function element(name: string, values: Readonly<Record<string, string | number | undefined>>): string {
  return `<${name}${attributes(values)}/>`;
}

/** An element around markup that is already escaped. */
export function wrap(
  name: string,
  values: Readonly<Record<string, string | number | undefined>>,
  content: string,
): string {
  return `<${name}${attributes(values)}>${content}</${name}>`;
}

function round(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}
