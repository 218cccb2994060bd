// Passages as people read them: who, where, what came of it, and why.

import { get, part, send } from './api.js';
import { button, chip, h } from './dom.js';
import { direction, moment, outcome, reason, step, t } from './words.js';

// Names already asked for, by external id. An erased person's name must not outlive a reload, so none is kept elsewhere.
const NAMES_MAX = 500;
const names = new Map();

/** Forgets who was asked for: at signing out, the next one at this desk may see less. */
addEventListener('signed-out', () => names.clear());

/** A person's name, which links to their page; until it is known, their id. */
export function person(id, may) {
  const link = h('a', { href: `#/people/${part(id)}`, class: 'person' }, names.get(id) ?? id);
  if (may('see_people') && !names.has(id)) {
    get(`people/${part(id)}`).then(found => {
      if (names.size >= NAMES_MAX) names.clear();
      names.set(id, `${found.first_name} ${found.last_name}`);
      link.textContent = names.get(id);
    }, () => {});
  }
  return link;
}

/** The lines of a decision. */
export function trace(lines) {
  if (lines.length === 0) return h('p', { class: 'quiet' }, t('No decision was made.'));
  const symbols = { block: ['bad', '✕'], warn: ['note', '!'], note: ['quiet', '·'] };
  return h('ol', { class: 'trace' }, lines.map(line => {
    const [tone, symbol] = symbols[line.severity] ?? symbols.note;
    return h('li', { class: tone },
      h('span', { class: 'symbol', 'aria-label': line.severity }, symbol),
      h('b', {}, step(line.step)), ' ',
      line.reason ? [h('span', {}, reason(line.reason)), ' '] : null,
      h('span', { class: 'quiet' }, line.detail));
  }));
}

/** How the same question would be answered at this moment. */
async function askAgain(entry, place) {
  const who = entry.person ? { person: entry.person } : { badge: entry.unknown_badge };
  try {
    const answer = await send('POST', 'why', { reader: entry.reader, ...who });
    const word = answer.opens ? chip('good', '✓', t('would open')) : chip('bad', '✕', t('would stay shut'));
    place.replaceChildren(h('p', {}, t('At this moment, the gate'), ' ', word), trace(answer.trace));
  } catch (problem) {
    place.replaceChildren(h('p', { class: 'trouble' }, problem.message));
  }
}

function copied(value) {
  const copy = button(t('Copy'), async () => {
    try {
      await navigator.clipboard.writeText(value);
      copy.textContent = t('Copied');
    } catch {
      getSelection().selectAllChildren(copy.previousElementSibling);
    }
  }, { class: 'small' });
  return [h('code', {}, value), ' ', copy];
}

function whom(entry, may) {
  if (entry.person) return person(entry.person, may);
  if (entry.unknown_badge) return [t('Unknown badge'), ' ', copied(entry.unknown_badge)];
  return h('span', { class: 'quiet' }, '–');
}

function explained(entry, may) {
  const now = h('div', {});
  const can = entry.reader && (entry.person || entry.unknown_badge) && may('see_site');
  return h('div', { class: 'explained' },
    trace(entry.trace),
    entry.offline && h('p', { class: 'quiet' }, t('The gate’s controller decided alone and told it later.')),
    can && button(t('And at this moment?'), () => askAgain(entry, now), { class: 'small' }),
    now);
}

/**
 * The rows of a passage; `open` holds the ids of those whose decision is unfolded, so that they stay so when the list is
 * drawn again.
 */
export function passage(entry, { may, open, fresh = false, shows = { person: true } }) {
  const id = entry.passage_id;
  const [tone, symbol, word] = outcome(entry.outcome);
  const [arrow, way] = direction(entry.direction ?? entry.way);
  const details = h('tr', { class: 'details', hidden: !open.has(id) }, h('td', { colspan: shows.person ? 5 : 4 }));
  const unfold = () => {
    details.hidden = !open.has(id);
    why.setAttribute('aria-expanded', String(open.has(id)));
    if (open.has(id)) details.firstChild.replaceChildren(explained(entry, may));
  };
  const why = button(t('Why?'), () => {
    if (!open.delete(id)) open.add(id);
    unfold();
  }, { class: 'small', 'data-key': `why ${id}`, 'aria-expanded': 'false' });
  if (open.has(id)) unfold();
  const row = h('tr', { class: fresh ? 'fresh' : null, 'data-passage': id, 'data-outcome': entry.outcome },
    h('td', { class: 'when' }, moment(entry.at), entry.clock !== 'synced' && h('abbr', { title: t('The clock was not sure') }, ' ≈')),
    h('td', { class: 'where' }, h('span', { role: 'img', 'aria-label': way, title: way }, arrow), ' ', entry.reader ?? entry.gate),
    shows.person && h('td', {}, whom(entry, may)),
    h('td', {}, chip(tone, symbol, word), ' ', entry.new_visit && chip('visit', '★', t('new visit')),
      entry.reasons.map(code => h('div', { class: 'reason', 'data-reason': code }, reason(code))),
      entry.operator && h('div', { class: 'reason' }, `${entry.operator}: ${entry.note}`)),
    h('td', { class: 'end' }, entry.trace.length > 0 && why));
  return [row, details];
}
