/**
 * The look of a timeline: one style sheet for the page and for the SVG file, in light and in dark.
 */

/** The number of colors for Pods that lead. The seventh Pod has the color of the first. */
export const HUES = 6;

/** Fill and text on it. Each pair has a contrast of at least 4.5 to 1. */
const LIGHT_HUES = ['#2563c9', '#a85100', '#0a756f', '#7442c8', '#5f6b00', '#b02a83'];
const DARK_HUES = ['#86b4ff', '#f3a95c', '#5cd0c5', '#bd9dff', '#c3d05a', '#f392d2'];

function variables(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');
}

const hues = (colors: readonly string[]): Record<string, string> =>
  Object.fromEntries(colors.map((color, index) => [`hue-${index}`, color]));

const LIGHT = variables({
  paper: '#ffffff',
  lane: '#f3f5f8',
  pod: '#e3e8f0',
  line: '#d5dbe5',
  ink: '#182230',
  faint: '#56627a',
  process: '#7d89a0',
  'on-hue': '#ffffff',
  trouble: '#a14a00',
  bad: '#c01c28',
  outage: '#f0d9a8',
  focus: '#0b57d0',
  ...hues(LIGHT_HUES),
});

const DARK = variables({
  paper: '#0f141b',
  lane: '#171e28',
  pod: '#243040',
  line: '#34415a',
  ink: '#e8edf5',
  faint: '#9fb0c8',
  process: '#7f8fa8',
  'on-hue': '#0c1118',
  trouble: '#ffb066',
  bad: '#ff7b81',
  outage: '#4d3c12',
  focus: '#8ab4f8',
  ...hues(DARK_HUES),
});

/** The colors. The forced colors of an operating system win over both. */
export const COLORS: string = `:root{color-scheme:light dark;${LIGHT}}@media (prefers-color-scheme:dark){:root{${DARK}}}`;

/** The look of everything inside the SVG. */
export const PICTURE_STYLE: string = [
  'text{font:12px system-ui,sans-serif;fill:var(--ink)}',
  '.paper{fill:var(--paper)}.lane{fill:var(--lane)}.name{font-weight:600}.quiet{font-weight:400;fill:var(--faint)}',
  '.heading{font-size:16px;font-weight:650}.summary{font-size:13px;fill:var(--faint)}',
  '.grid{stroke:var(--line);stroke-width:1}.tick{font-size:11px;fill:var(--faint);font-variant-numeric:tabular-nums}',
  '.step{stroke:var(--faint);stroke-width:1;stroke-dasharray:1 3}.step-number{font-size:11px;font-weight:700;fill:var(--paper);text-anchor:middle}',
  '.step-disc{fill:var(--faint)}.step-title{font-size:11.5px;font-weight:600}',
  '.pod{fill:var(--pod)}.terminating{fill:url(#terminating)}.outage{fill:var(--outage);opacity:.75}.outage-hatch{fill:url(#outage)}',
  ...Array.from({ length: HUES }, (_, hue) => `.hue-${hue}{--hue:var(--hue-${hue})}`),
  '.hue-none{--hue:var(--process)}',
  '.bar{fill:var(--hue);stroke:var(--hue);stroke-width:1}.bar-text{font-size:11.5px;font-weight:600;fill:var(--on-hue);font-variant-numeric:tabular-nums;paint-order:stroke;stroke:var(--hue);stroke-width:4px;stroke-linejoin:round}',
  '.ghost .bar{fill-opacity:.45;stroke:var(--bad);stroke-width:1.5;stroke-dasharray:4 2}.ghost .hatch{fill:url(#ghost)}',
  '.drains .bar,.keeps .bar{fill-opacity:.12;stroke-dasharray:3 2}.drains .hatch{fill:url(#drains)}',
  '.keeps .bar{fill-opacity:0;stroke-dasharray:1.5 3}.drains .bar-text,.keeps .bar-text{fill:var(--ink);font-weight:500;stroke:var(--pod);stroke-width:3px}',
  '.ghost .bar-text{fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:3px}',
  '.hang{fill:url(#hang)}.owned .bar{rx:2px}.released{fill:url(#released)}.renewals{stroke:var(--on-hue);stroke-width:1;stroke-opacity:.55;vector-effect:non-scaling-stroke}',
  '.runs{fill:var(--process)}.hangs{fill:url(#still)}.ghost-run{fill:url(#ghost-run)}.cut-off{fill:url(#cut-off)}',
  '.glyph{fill:var(--paper);stroke:var(--ink);stroke-width:1.4;stroke-linejoin:round;stroke-linecap:round}',
  '.glyph.solid{fill:var(--ink)}.glyph.trouble{stroke:var(--trouble)}.glyph.trouble.solid{fill:var(--trouble)}',
  '.glyph.bad{stroke:var(--bad)}.glyph.bad.solid{fill:var(--bad)}.glyph.plain{fill:none}',
  '.glyph.heavy{stroke-width:2}.glyph.note{stroke:var(--faint)}',
  '.end{stroke:var(--ink);stroke-width:1.5}.end.bad{stroke:var(--bad)}.end.trouble{stroke:var(--trouble)}',
  '.hit{fill:transparent;stroke:transparent;stroke-width:2}',
  '.hidden{visibility:hidden}',
].join('\n');

/** The look of the page around it. */
export const PAGE_STYLE: string = [
  '*{box-sizing:border-box}',
  'body{margin:0 auto;max-width:1680px;padding:20px 24px 40px;background:var(--paper);color:var(--ink);font:14px/1.5 system-ui,sans-serif}',
  'h1{font-size:20px;line-height:1.3;margin:0 0 2px}h2{font-size:15px;margin:24px 0 6px}',
  'p{margin:0 0 10px;color:var(--faint)}.bad-news{color:var(--bad);font-weight:600}.omission{color:var(--trouble);font-weight:600}',
  '.picture{display:grid;grid-template-columns:auto minmax(0,1fr);margin:10px 0 8px}',
  'svg{display:block}.plot{overflow:visible}',
  '.event{cursor:pointer;outline:none}',
  '.event:hover .hit{stroke:var(--faint)}.event:focus .hit{stroke:var(--focus);stroke-width:2.5}',
  '.cursor{stroke:var(--focus);stroke-width:1;pointer-events:none}',
  '.legend{display:flex;flex-wrap:wrap;gap:2px 18px;margin:4px 0 0;padding:0;list-style:none;font-size:12.5px;color:var(--faint)}',
  '.legend li{display:flex;align-items:center;gap:7px}',
  '.tip{position:fixed;z-index:2;max-width:340px;padding:7px 11px;border:1px solid var(--line);border-radius:7px;background:var(--paper);color:var(--ink);box-shadow:0 4px 18px #0004;font-size:13px;line-height:1.4;pointer-events:none;overflow-wrap:anywhere}',
  '.tip b{display:block}.tip time{white-space:nowrap;color:var(--faint);font-variant-numeric:tabular-nums}.tip[hidden]{display:none}',
  '.events{max-height:360px;overflow:auto;border:1px solid var(--line);border-radius:7px}',
  '.events:focus-visible{outline:2px solid var(--focus);outline-offset:2px}',
  'table{width:100%;border-collapse:collapse;font-size:13px}th{position:sticky;top:0;background:var(--lane);text-align:left;font-weight:600}',
  'th,td{padding:3px 12px;vertical-align:top}td{border-top:1px solid var(--line);overflow-wrap:anywhere}td:first-child{white-space:nowrap;text-align:right;color:var(--faint);font-variant-numeric:tabular-nums}th:first-child{text-align:right;width:8em}th:nth-child(2){width:1%}td:nth-child(2){white-space:nowrap}',
  'tr.chosen td{background:var(--pod)}tr.violation td{color:var(--bad);font-weight:600}tr.step td{font-weight:600}tbody tr{cursor:pointer}',
  'kbd{padding:0 5px;border:1px solid var(--line);border-radius:4px;font:inherit;font-size:12px}',
  '@media (forced-colors:active){.event:focus .hit{stroke:Highlight}}',
  '@media print{.events{max-height:none}}',
].join('\n');
