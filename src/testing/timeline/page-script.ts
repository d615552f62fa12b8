/**
 * The script of the page: tooltips, the keyboard, and labels that fit the width. The page is complete without it: each mark
 * has a title, and the table has each event.
 *
 * It is text because it runs in a browser. It reads texts from the page and writes them as text, never as markup.
 */

/** The script. It must not contain the end tag of a script element. */
export const PAGE_SCRIPT = `
'use strict';
(() => {
  const plot = document.querySelector('.plot');
  const tip = document.querySelector('.tip');
  const marks = [...plot.querySelectorAll('.event')];
  const rows = [...document.querySelectorAll('tr[data-mark]')];
  const cursor = document.createElementNS(plot.namespaceURI, 'line');
  cursor.setAttribute('class', 'cursor');
  cursor.setAttribute('y2', '100%');
  let chosen = 0;

  // The tooltip has the same words, and appears at once.
  for (const mark of marks) mark.querySelector('title').remove();

  const show = (index) => {
    const hit = marks[index].querySelector('.hit');
    const [time, subject, text] = [...rows[index].cells].map((cell) => cell.textContent);
    const parts = [['b', subject], ['span', text + ' '], ['time', time]].map(([name, content]) => {
      const part = document.createElement(name);
      part.textContent = content;
      return part;
    });
    tip.replaceChildren(...parts);
    tip.hidden = false;
    const box = hit.getBoundingClientRect();
    const middle = box.left + Math.min(box.width, 160) / 2;
    const left = Math.max(8, Math.min(middle - tip.offsetWidth / 2, document.documentElement.clientWidth - tip.offsetWidth - 8));
    const below = box.bottom + 8;
    const top = below + tip.offsetHeight < window.innerHeight ? below : box.top - tip.offsetHeight - 8;
    tip.style.left = left + 'px';
    tip.style.top = Math.max(8, top) + 'px';
    const x = hit.getAttribute('x');
    cursor.setAttribute('x1', x);
    cursor.setAttribute('x2', x);
    if (cursor.parentNode === null) plot.append(cursor);
    for (const row of document.querySelectorAll('tr.chosen')) row.classList.remove('chosen');
    rows[index].classList.add('chosen');
  };
  const hide = () => {
    tip.hidden = true;
    cursor.remove();
  };
  const intoTable = (index) => {
    const table = document.querySelector('.events');
    table.scrollTop = rows[index].offsetTop - table.clientHeight / 2;
  };
  const choose = (index) => {
    marks[chosen].tabIndex = -1;
    chosen = index;
    marks[chosen].tabIndex = 0;
    marks[chosen].focus({ preventScroll: true });
    marks[chosen].scrollIntoView({ block: 'nearest' });
    show(chosen);
    intoTable(chosen);
  };
  const middleOf = (mark) => mark.querySelector('.hit').getBoundingClientRect().left;
  /** The nearest mark of the next lane that has one. */
  const inLane = (direction) => {
    const lane = Number(marks[chosen].dataset.lane);
    const x = middleOf(marks[chosen]);
    const beyond = marks.filter((mark) => (Number(mark.dataset.lane) - lane) * direction > 0);
    if (beyond.length === 0) return chosen;
    const next = Math.min(...beyond.map((mark) => Math.abs(Number(mark.dataset.lane) - lane)));
    const lanes = beyond.filter((mark) => Math.abs(Number(mark.dataset.lane) - lane) === next);
    lanes.sort((one, other) => Math.abs(middleOf(one) - x) - Math.abs(middleOf(other) - x));
    return marks.indexOf(lanes[0]);
  };
  const keys = {
    ArrowRight: () => Math.min(chosen + 1, marks.length - 1),
    ArrowLeft: () => Math.max(chosen - 1, 0),
    ArrowDown: () => inLane(1),
    ArrowUp: () => inLane(-1),
    Home: () => 0,
    End: () => marks.length - 1,
  };
  plot.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') hide();
    const next = keys[event.key];
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(next());
  });
  for (const [index, mark] of marks.entries()) {
    mark.addEventListener('focus', () => show(index));
    mark.addEventListener('blur', hide);
    mark.addEventListener('pointerenter', () => show(index));
    mark.addEventListener('pointerleave', hide);
    mark.addEventListener('click', () => choose(index));
  }
  for (const [index, row] of rows.entries()) {
    row.addEventListener('pointerenter', () => show(index));
    row.addEventListener('pointerleave', hide);
    row.addEventListener('click', () => choose(index));
  }

  const labels = [...plot.querySelectorAll('.label')];
  const fit = () => {
    for (const label of labels) {
      const width = (plot.clientWidth * parseFloat(label.getAttribute('width'))) / 100;
      const fitting = JSON.parse(label.dataset.texts).find(([needs]) => needs <= width);
      label.classList.toggle('hidden', fitting === undefined);
      if (fitting === undefined) continue;
      const text = label.firstElementChild;
      const first = text.firstElementChild;
      const lines = fitting.slice(1).map((content, row) => {
        const line = first.cloneNode();
        line.setAttribute('y', Number(first.getAttribute('y')) + 13 * row);
        line.textContent = content;
        return line;
      });
      text.replaceChildren(...lines);
    }
  };
  new ResizeObserver(fit).observe(plot);
  fit();
})();
`;
