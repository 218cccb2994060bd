// Elements out of data: whatever comes from outside becomes text or an attribute's value, never markup.

const SVG = 'http://www.w3.org/2000/svg';

// Drawings of one stroke, 24 units square.
const DRAWINGS = {
  cloud: 'M7 18a4 4 0 0 1-.6-7.95A5.5 5.5 0 0 1 17 9.1 4.5 4.5 0 0 1 17.5 18Z',
};

/** An element: `h('p', { class: 'quiet', onclick: f }, 'text', child)`. Null and false children are left out. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

/** A drawing with the words that stand for it. */
export function drawing(name, label) {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', DRAWINGS[name]);
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.append(path);
  return h('span', { class: `drawing ${name}`, role: 'img', 'aria-label': label, title: label }, svg);
}

/** Puts children in the place of an element's own; what was unfolded and where the keyboard was stay so, by `data-key`. */
export function fill(element, ...children) {
  const held = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const unfolded = [...element.querySelectorAll('details[open][data-key]')].map(details => details.dataset.key);
  element.replaceChildren(...children.flat(Infinity).filter(Boolean));
  unfolded.forEach(key => element.querySelector(`details[data-key="${CSS.escape(key)}"]`)?.setAttribute('open', ''));
  if (held) element.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  return element;
}

/** A word on a coloured ground, with a symbol, so that no meaning hangs on colour alone. */
export function chip(tone, symbol, word, properties = {}) {
  return h('span', { class: `chip ${tone}`, ...properties }, h('span', { 'aria-hidden': 'true' }, symbol), ' ', word);
}

/** A button. */
export function button(label, act, properties = {}) {
  return h('button', { type: 'button', onclick: act, ...properties }, label);
}

/** A field with its label. */
export function field(label, input, hint) {
  return h('label', { class: 'field' }, h('span', {}, label), input, hint && h('small', {}, hint));
}

/** A table with headings; rows are `tr`. */
export function table(headings, rows) {
  const head = h('thead', {}, h('tr', {}, headings.map(heading => h('th', { scope: 'col' }, heading))));
  return h('div', { class: 'wide' }, h('table', {}, head, h('tbody', {}, rows)));
}

/**
 * Asks for something in a dialog. `act` gets the form's values and may fail: then the dialog stays open and says why.
 * Resolves when it is closed.
 */
export function ask({ title, text, fields = [], yes, no, danger, act }) {
  const trouble = h('p', { class: 'trouble', role: 'alert' });
  const confirm = h('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, yes);
  const form = h('form', { method: 'dialog' },
    h('h2', {}, title), text && h('p', {}, text), fields, trouble,
    h('div', { class: 'row end' }, button(no, () => dialog.close()), confirm));
  const dialog = h('dialog', { 'aria-label': title }, form);
  form.addEventListener('submit', async event => {
    event.preventDefault();
    confirm.disabled = true;
    trouble.textContent = '';
    try {
      await act(Object.fromEntries(new FormData(form)));
      dialog.close();
    } catch (problem) {
      trouble.textContent = problem.message;
    } finally {
      confirm.disabled = false;
    }
  });
  return new Promise(resolve => {
    dialog.addEventListener('close', () => { dialog.remove(); resolve(); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
