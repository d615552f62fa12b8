/**
 * Renames the parts of a world: revisions (and the uids of Leases, which contain them) get other numbers, and
 * candidates other positions. It works on any plain data, so new fields of the core are included.
 */

/** The functions that map old names to new names. */
export interface Renaming {
  /** Never called with 0, which means "no revision". */
  readonly revision: (revision: number) => number;
  readonly slot: (slot: number) => number;
}

type Name =
  | { readonly kind: 'revision'; readonly prefix: '' | 'lease-'; readonly revision: number }
  | { readonly kind: 'pod'; readonly prefix: 'app-' | 'pod-'; readonly slot: number; readonly rest: string }
  | null;

const NAMES = new Map<string, Name>();

function nameOf(text: string): Name {
  let name = NAMES.get(text);
  if (name === undefined) {
    name = readName(text);
    NAMES.set(text, name);
  }
  return name;
}

function readName(text: string): Name {
  const revision = /^(lease-)?([1-9]\d*)$/.exec(text);
  if (revision !== null) {
    return { kind: 'revision', prefix: revision[1] === undefined ? '' : 'lease-', revision: Number(revision[2]) };
  }
  const pod = /^(app-|pod-)(\d+)(.*)$/.exec(text);
  if (pod === null) return null;
  return { kind: 'pod', prefix: pod[1] as 'app-' | 'pod-', slot: Number(pod[2]), rest: pod[3] as string };
}

/** The keys whose numbers are revisions. */
const REVISION_KEYS: ReadonlySet<string> = new Set(['revision', 'newestToken']);

/** The same value with other names. */
export function rename<Value>(value: Value, renaming: Renaming, key = ''): Value {
  return renamed(value, renaming, key) as Value;
}

function renamed(value: unknown, renaming: Renaming, key: string): unknown {
  if (typeof value === 'string') return renamedText(value, renaming);
  if (typeof value === 'number') {
    if (REVISION_KEYS.has(key) && value !== 0) return renaming.revision(value);
    return key === 'slot' ? renaming.slot(value) : value;
  }
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((one) => renamed(one, renaming, ''));
  const copy: { [key: string]: unknown } = {};
  for (const name in value) copy[name] = renamed((value as { [key: string]: unknown })[name], renaming, name);
  return copy;
}

function renamedText(text: string, renaming: Renaming): string {
  const name = nameOf(text);
  if (name === null) return text;
  if (name.kind === 'pod') return `${name.prefix}${renaming.slot(name.slot)}${name.rest}`;
  return `${name.prefix}${renaming.revision(name.revision)}`;
}

/** At most this many revisions are in use at the same time. */
const REVISION_LIMIT = 30;

/** The revisions in a value, as bits. */
export function revisionsIn(value: unknown): number {
  let bits = 0;
  rename(value, {
    revision(revision) {
      if (revision > REVISION_LIMIT) throw new Error(`revision ${revision} is above the limit of ${REVISION_LIMIT}`);
      bits |= 1 << revision;
      return revision;
    },
    slot: (slot) => slot,
  });
  return bits;
}
