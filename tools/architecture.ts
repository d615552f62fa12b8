/**
 * Draws `docs/architecture.svg`: the rooms of `src`, which are its folders and the files beside them, and the imports
 * between them. `npm run architecture` writes the picture, and a test compares it with the tree.
 */

import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '..');
const FILE = path.join(ROOT, 'docs', 'architecture.svg');

/** The purpose of each room. A room without a line here is an error. */
const PURPOSES: Readonly<Record<string, string>> = {
  'lease-elector': 'the class',
  options: 'options, checked',
  events: 'events and errors',
  warnings: 'texts of warnings',
  joining: 'which cluster, which Pod',
  leadership: 'work while leading',
  explain: 'why there is no leader',
  metrics: 'counters and their text',
  endpoint: "the sidecar's endpoint",
  publishing: 'label, Events',
  kube: 'HTTP, watches, credentials',
  driver: 'one input at a time',
  core: 'the rules, pure',
  runtime: 'clock, random, debug',
  command: 'the executable',
  'testing/kit': 'cluster, Pods, faults',
  'testing/timeline': 'an election as a picture',
  'testing/server': 'listener, dispatch',
  'testing/handlers': 'one kind of request each',
  'testing/controllers': 'collector, kubelet',
  'testing/access': 'tokens, RBAC',
  'testing/storage': 'store, history, watch',
  'testing/formats': 'JSON, YAML, tables',
  'testing/kinds': 'rules of each kind',
  'testing/objects': 'object, Status',
};

/** Files that are drawn in the box of another file. */
const TOGETHER: Readonly<Record<string, string>> = { errors: 'events' };

interface Room {
  readonly name: string;
  readonly imports: Set<string>;
}

function roomOf(file: string): string {
  const [, first = '', second = '', third] = file.replaceAll('\\', '/').replace(/\.ts$/, '').split('/');
  if (first === 'testing') return third === undefined ? 'testing/kit' : `testing/${second}`;
  if (second !== '') return first;
  return TOGETHER[first] ?? first;
}

function readRooms(): ReadonlyMap<string, Room> {
  const rooms = new Map<string, Room>();
  const room = (name: string): Room => {
    const known = rooms.get(name) ?? { name, imports: new Set<string>() };
    rooms.set(name, known);
    return known;
  };
  for (const file of globSync('src/**/*.ts', { cwd: ROOT }).sort()) {
    // An index file only lists the public names.
    if (/index\.ts$/.test(file)) continue;
    const text = readFileSync(path.join(ROOT, file), 'utf8');
    const from = room(roomOf(file));
    for (const [, specifier = ''] of text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
      const to = roomOf(path.join(path.dirname(file), specifier));
      if (to !== from.name) from.imports.add(to);
    }
  }
  return rooms;
}

/** The height of a room: one above the highest room that it imports, or 0 without imports. */
function heightOf(name: string, rooms: ReadonlyMap<string, Room>, above: readonly string[] = []): number {
  if (above.includes(name)) throw new Error(`the rooms import each other in a circle: ${[...above, name].join(' → ')}`);
  const heights = [...(rooms.get(name)?.imports ?? [])].map((one) => heightOf(one, rooms, [...above, name]));
  return heights.length === 0 ? 0 : 1 + Math.max(...heights);
}

const BOX = { width: 168, height: 54, gapX: 22, gapY: 46 };
const MARGIN = 24;

interface Place {
  readonly x: number;
  readonly y: number;
}

/** Rooms of one side in rows, the highest on top. */
function placeRooms(names: readonly string[], rooms: ReadonlyMap<string, Room>, left: number): Map<string, Place> {
  const rows = Map.groupBy(names, (name) => heightOf(name, rooms));
  const levels = [...rows.keys()].sort((one, other) => other - one);
  const widest = Math.max(...Array.from(rows.values(), ({ length }) => length));
  const places = new Map<string, Place>();
  for (const [row, level] of levels.entries()) {
    const inRow = (rows.get(level) ?? []).toSorted();
    const indent = ((widest - inRow.length) * (BOX.width + BOX.gapX)) / 2;
    for (const [column, name] of inRow.entries()) {
      places.set(name, {
        x: left + indent + column * (BOX.width + BOX.gapX),
        y: MARGIN + 30 + row * (BOX.height + BOX.gapY),
      });
    }
  }
  return places;
}

/** The imports that no chain of other imports implies. Arrows for all imports would hide these. */
function necessary(from: Room, rooms: ReadonlyMap<string, Room>): readonly string[] {
  const reaches = (start: string, target: string): boolean =>
    [...(rooms.get(start)?.imports ?? [])].some((one) => one === target || reaches(one, target));
  return [...from.imports]
    .filter((to) => ![...from.imports].some((other) => other !== to && reaches(other, to)))
    .sort();
}

/** The picture, as the text of an SVG file. */
export function drawArchitecture(): string {
  const rooms = readRooms();
  const unknown = [...rooms.keys()].filter((name) => PURPOSES[name] === undefined);
  if (unknown.length > 0) throw new Error(`tools/architecture.ts has no purpose for ${unknown.join(', ')}`);
  const names = [...rooms.keys()];
  const library = placeRooms(
    names.filter((name) => !name.startsWith('testing/')),
    rooms,
    MARGIN,
  );
  const right = Math.max(...Array.from(library.values(), ({ x }) => x)) + BOX.width + 3 * BOX.gapX;
  const testing = placeRooms(
    names.filter((name) => name.startsWith('testing/')),
    rooms,
    right,
  );
  const places = new Map([...library, ...testing]);
  const width = Math.max(...Array.from(places.values(), ({ x }) => x)) + BOX.width + MARGIN;
  const height = Math.max(...Array.from(places.values(), ({ y }) => y)) + BOX.height + MARGIN;
  const arrows = [...rooms.values()].flatMap((room) =>
    necessary(room, rooms).flatMap((to) => drawArrow(places.get(room.name), places.get(to))),
  );
  const boxes = [...places].map(([name, place]) => drawBox(rooms.get(name) as Room, place));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" role="img" aria-label="The folders of src and their imports">`,
    '<style>',
    'rect{fill:#f6f8fa;stroke:#57606a}text{fill:#1f2328}.purpose{font-size:11px;fill:#57606a}.name{font-size:14px;font-weight:600}.title{font-size:13px;fill:#57606a}path{fill:none;stroke:#57606a;stroke-opacity:.7}marker path{fill:#57606a;stroke:none}',
    '@media (prefers-color-scheme:dark){rect{fill:#161b22;stroke:#8b949e}text{fill:#e6edf3}.purpose,.title{fill:#8b949e}path{stroke:#8b949e}marker path{fill:#8b949e}}',
    '</style>',
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>',
    `<text class="title" x="${MARGIN}" y="${MARGIN}">the library</text>`,
    `<text class="title" x="${right}" y="${MARGIN}">lease-elector/testing</text>`,
    ...arrows,
    ...boxes,
    '</svg>',
  ].join('\n')}\n`;
}

function drawBox({ name }: Room, { x, y }: Place): string {
  return [
    `<g><rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6"/>`,
    `<text class="name" x="${x + 10}" y="${y + 21}">${name.replace('testing/', '')}</text>`,
    `<text class="purpose" x="${x + 10}" y="${y + 41}">${PURPOSES[name]}</text></g>`,
  ].join('');
}

function drawArrow(from: Place | undefined, to: Place | undefined): readonly string[] {
  if (from === undefined || to === undefined) return [];
  const [x1, y1] = [from.x + BOX.width / 2, from.y + BOX.height];
  const [x2, y2] = [to.x + BOX.width / 2, to.y - 2];
  const bend = Math.max(20, (y2 - y1) / 2);
  return [`<path d="M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}" marker-end="url(#tip)"/>`];
}

if (import.meta.main) writeFileSync(FILE, drawArchitecture());
