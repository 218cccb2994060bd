// How one person stands with Mywellness: the state, what is in the way, what an operator may do about it.

import { get, part, send } from './api.js';
import { ask, button, chip, fill, h, table } from './dom.js';
import { moment, t } from './words.js';

const STATES = {
  new: ['quiet', '○', () => t('new')], enabled: ['good', '✓', () => t('enabled')], to_update: ['note', '↻', () => t('to be updated')],
  creation_failed: ['bad', '✕', () => t('creation failed')], in_error: ['bad', '✕', () => t('in error')],
  suspended: ['note', '‖', () => t('suspended')], to_delete: ['note', '–', () => t('to be deleted')],
};

const CAUSES = {
  opted_out: () => t('the member said no'), not_selected: () => t('not selected by the club'), incomplete: () => t('something required is missing'),
  approval: () => t('waits for approval'), suspended: () => t('suspended'), deleted: () => t('deleted by an operator'),
  ambiguous: () => t('several people there could be the one'), linked_elsewhere: () => t('linked to somebody else here'), refused: () => t('refused by Mywellness'),
  failing: () => t('Mywellness keeps failing at this person'),
};

/** What is in the way, in plain words. */
export const cause = code => CAUSES[code]?.() ?? code;

/** A state in plain words. */
export const stateWord = code => STATES[code]?.[2]() ?? code;

/** A state with the name that Italian desks know it by, as the API gives it. */
export function state(code, displayName) {
  const [tone, symbol, word] = STATES[code] ?? ['quiet', '?', () => code];
  return [chip(tone, symbol, word(), { 'data-state': code }), displayName && h('small', { lang: 'it' }, ` ${displayName}`)];
}

// Mywellness answers in its own time, of which no event tells.
const READ_EVERY = 5000;

/** Fills a person's section and keeps it true until `signal`; `known` is told since when they are linked there, or null. */
export function integration(root, { may, person, known, signal }) {
  const of = part(person);
  const draw = async () => {
    const it = await get(`sync/people/${of}`);
    const candidates = it.cause === 'ambiguous' ? (await get(`sync/people/${of}/candidates`)).items : [];
    if (signal.aborted) return;
    known(it.linked_at);
    const commands = may('command_sync') ? offered(it) : [];
    fill(root, h('h2', {}, 'Mywellness'),
      h('p', {}, state(it.state, it.display_name), ' ', h('span', { class: 'quiet' }, t('since {}', moment(it.since)))),
      it.cause && h('p', { 'data-cause': it.cause }, cause(it.cause), it.reason && h('small', {}, ` – ${it.reason}`)),
      it.missing.length > 0 && h('p', {}, t('Missing: {}', it.missing.join(', '))),
      candidates.length > 0 && choice(candidates),
      commands.length > 0 && h('div', { class: 'row' }, commands),
      it.history.length > 0 && h('details', { 'data-key': 'history' }, h('summary', {}, t('History')), table([t('Time'), t('What'), t('Outcome'), ''], it.history.map(event))));
  };
  const command = (word, document) => send('POST', `sync/people/${of}/${word}`, document).then(draw);
  const asking = (title, text, yes, act, fields = [], danger = false) => ask({ title, text, yes, no: t('Cancel'), act, fields, danger });

  function offered(it) {
    if (it.state === 'to_delete') return [];
    if (it.state === 'suspended') return [button(t('Enable…'), enable, { 'data-key': 'enable' }), button(t('Delete…'), remove, { 'data-key': 'delete' })];
    const again = it.cause === 'approval' ? t('Approve and synchronize') : t('Synchronize');
    return [
      button(again, () => command('synchronize').catch(trouble), { class: 'primary', 'data-key': 'synchronize' }),
      button(t('Suspend…'), suspend, { 'data-key': 'suspend' }), button(t('Delete…'), remove, { 'data-key': 'delete' }),
    ];
  }
  const suspend = () => asking(t('Suspend'), t('Nothing more is told of the person. The link stays; visits made meanwhile are held.'), t('Suspend'), () => command('suspend'));
  const enable = () => asking(t('Enable'), t('What becomes of the visits held meanwhile?'), t('Enable'), ({ visits }) => command('enable', { visits }),
    [radio('visits', 'send', t('Send them'), true), radio('visits', 'discard', t('Discard them'))]);
  const remove = () => asking(t('Delete'), t('The link is forgotten, and what waits to be told is given up.'), t('Delete'),
    ({ remote }) => command('delete', { remote: remote === 'on' }),
    [h('label', {}, h('input', { type: 'checkbox', name: 'remote' }), ' ', t('Have the person deleted at Mywellness too'))], true);
  const trouble = problem => root.append(h('p', { class: 'trouble', role: 'alert' }, problem.message));

  function choice(candidates) {
    return h('fieldset', {}, h('legend', {}, t('Who is it there?')), candidates.map(it => h('div', { class: 'row', 'data-candidate': it.facility_user_id },
      h('code', {}, it.facility_user_id), it.email ?? t('without e-mail'),
      may('command_sync') && button(t('This one'), () => asking(t('Link'), t('Link to {}?', it.email ?? it.facility_user_id), t('Link'), () => command('match', { candidate: it.facility_user_id })),
        { class: 'small' }))));
  }

  const read = () => draw().catch(problem => { if (!signal.aborted && problem.status > 0) fill(root, h('p', { class: 'trouble' }, problem.message)); });
  const timer = setInterval(read, READ_EVERY);
  signal.addEventListener('abort', () => clearInterval(timer));
  read();
}

function radio(name, value, label, checked = false) {
  return h('p', {}, h('label', {}, h('input', { type: 'radio', name, value, checked }), ' ', label));
}

function event(it) {
  return h('tr', {}, h('td', { class: 'when' }, moment(it.at)), h('td', {}, it.what), h('td', {}, it.outcome, ' ', state(it.state)),
    h('td', { class: 'quiet' }, [it.operator, it.reason].filter(Boolean).join(': ')));
}
