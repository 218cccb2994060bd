// Mywellness as a whole: how far it has come, who is in which state and why, and what would go before anything is sent.

import { download, get, part, query } from './api.js';
import { button, chip, fill, h, table } from './dom.js';
import { feed } from './feed.js';
import { cause, state, stateWord } from './integration.js';
import { outbox } from './outbox.js';
import { moment, t } from './words.js';

const SHOWN = 100;
// Progress changes with every answer of Mywellness, of which no event tells.
const READ_EVERY = 5000;

const VERDICTS = {
  goes: () => t('would be made known'), known: () => t('known already'), incomplete: () => t('something required is missing'),
  approval: () => t('waits for approval'), not_selected: () => t('not selected by the club'), opted_out: () => t('the member said no'),
  suspended: () => t('suspended'), deleted: () => t('deleted by an operator'),
};

/** Fills the page and keeps it true until `signal`. */
export function mywellness({ root, may, signal }) {
  const [progress, people, rows, before] = ['progress', 'people', 'rows', 'preflight'].map(kind => h('section', { 'data-part': kind }));
  fill(root, h('h1', {}, 'Mywellness'), progress, people, rows, before);
  const chosen = { state: '', cause: '' };

  const list = async () => {
    if (!chosen.state && !chosen.cause) return fill(people);
    const page = await get(`sync/people${query({ ...chosen, limit: SHOWN })}`);
    const lines = page.items.map(it => h('tr', {},
      h('td', {}, h('a', { href: `#/people/${part(it.person)}` }, it.person)),
      h('td', {}, state(it.state, it.display_name)),
      h('td', {}, it.cause && cause(it.cause), it.reason && h('small', {}, ` – ${it.reason}`), it.missing.length > 0 && h('small', {}, ` (${it.missing.join(', ')})`)),
      h('td', { class: 'when' }, moment(it.since))));
    return fill(people, lines.length ? table([t('Person'), t('State'), t('What is in the way'), t('Since')], lines) : h('p', { class: 'quiet' }, t('Nobody.')),
      page.next && h('p', { class: 'quiet' }, t('The first {} are shown.', SHOWN)));
  };
  const choose = (key, value) => async () => {
    const same = chosen[key] === value;
    Object.assign(chosen, { state: '', cause: '', [key]: same ? '' : value });
    await read();
  };
  const pick = (key, value, label, count) => button([label, ' ', h('b', {}, String(count))], choose(key, value),
    { 'data-key': `${key} ${value}`, 'aria-pressed': String(chosen[key] === value) });

  const read = async () => {
    try {
      const it = await get('sync/progress');
      if (signal.aborted) return;
      fill(progress,
        h('div', { class: 'figures' }, figure(it.remaining, t('people to be told of')), figure(it.rate_per_minute, t('told in the last minute')),
          it.comparison && figure(it.comparison.differing, t('differed of {} compared, {}', it.comparison.compared, moment(it.comparison.at)))),
        h('div', { class: 'row' }, it.states.map(count => pick('state', count.state, stateWord(count.state), count.people))),
        it.errors.length > 0 && [h('h2', {}, t('What is in the way')), h('div', { class: 'row' }, it.errors.map(count => pick('cause', count.cause, cause(count.cause), count.people)))]);
      await list();
    } catch (problem) {
      if (!signal.aborted && problem.status > 0) fill(progress, h('p', { class: 'trouble' }, problem.message));
    }
  };
  const timer = setInterval(read, READ_EVERY);
  signal.addEventListener('abort', () => clearInterval(timer));
  feed.addEventListener('connected', read, { signal });
  read();
  if (may('see_site')) outbox(rows, { may, signal, lane: 'mywellness', title: t('Needs somebody') });
  preflight(before);
}

function figure(number, words) {
  return h('div', { class: 'card' }, h('strong', {}, String(number)), h('span', { class: 'quiet' }, words));
}

function preflight(root) {
  const found = h('div', {});
  const verdict = h('select', { 'aria-label': t('Show') }, h('option', { value: '' }, t('everybody')),
    Object.entries(VERDICTS).map(([code, word]) => h('option', { value: code }, word())));
  const look = async () => {
    try {
      const page = await get(`sync/preflight${query({ verdict: verdict.value, limit: SHOWN })}`);
      const lines = page.items.map(it => h('tr', {},
        h('td', {}, h('a', { href: `#/people/${part(it.person)}` }, `${it.first_name} ${it.last_name}`)), h('td', {}, it.person),
        h('td', {}, chip(it.verdict === 'goes' || it.verdict === 'known' ? 'good' : 'note', it.verdict === 'incomplete' ? '!' : '·', VERDICTS[it.verdict]?.() ?? it.verdict)),
        h('td', {}, it.missing.join(', '), it.reason && h('small', {}, ` ${it.reason}`))));
      fill(found, lines.length ? table([t('Name'), t('Number'), t('What would happen'), t('Missing')], lines) : h('p', { class: 'quiet' }, t('Nobody.')),
        page.next && h('p', { class: 'quiet' }, t('There are more; the file has everybody.')));
    } catch (problem) {
      fill(found, h('p', { class: 'trouble' }, problem.message));
    }
  };
  verdict.addEventListener('change', look);
  const save = () => download(`sync/preflight${query({ format: 'csv', verdict: verdict.value })}`, 'mywellness-preflight.csv')
    .catch(problem => fill(found, h('p', { class: 'trouble' }, problem.message)));
  fill(root, h('h2', {}, t('Before anything is sent')), h('div', { class: 'row tools' }, verdict,
    button(t('Look'), look, { 'data-key': 'look' }), button(t('Save as CSV'), save, { 'data-key': 'csv' })), found);
}
