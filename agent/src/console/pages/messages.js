// CRM actions of a person: what is open, a new message or a message and a block, and concluding one.

import { get, part, query, send } from './api.js';
import { ask, button, chip, field, fill, h } from './dom.js';
import { day, moment, t } from './words.js';

const SHOWN = 50;

const acts = kind => ({
  none: ['quiet', '·', t('says nothing at the gate')],
  message: ['note', '✉', t('message')],
  message_and_block: ['bad', '✕', t('message and block')],
}[kind] ?? ['quiet', '?', kind]);

/** What fills a person's section, and fills it again; `changed` is called after each change made here. */
export function messages(root, { me, may, person, changed }) {
  const draw = async () => {
    const [actions, types, outcomes] = await Promise.all([
      get(`crm/actions${query({ person, limit: SHOWN })}`), get('crm/action-types'), get('crm/outcomes')]);
    const typeOf = new Map(types.items.map(type => [type.id, type]));
    const named = new Map(outcomes.items.map(outcome => [outcome.id, outcome]));
    const open = actions.items.filter(it => it.status === 'open').reverse();
    const concluded = actions.items.filter(it => it.status !== 'open').reverse();
    const usable = types.items.filter(type => !type.obsolete);
    const again = async () => { await draw(); changed(); };
    fill(root, h('h2', {}, t('At the gate')),
      open.length ? open.map(it => action(it, typeOf.get(it.type), named, may, again)) : h('p', { class: 'quiet' }, t('No open action.')),
      may('write_crm') && h('div', { class: 'row' },
        usable.length ? button(t('New action…'), () => make(person, usable, me, again), { class: 'primary', 'data-key': 'new-action' })
          : h('p', { class: 'quiet' }, t('There are no action types yet: make one at Site.'))),
      concluded.length > 0 && h('details', { 'data-key': 'past' }, h('summary', {}, t('{} concluded', concluded.length)),
        concluded.map(it => action(it, typeOf.get(it.type), named, () => false, again))));
  };
  return () => draw().catch(problem => { if (problem.status > 0) fill(root, h('p', { class: 'trouble' }, problem.message)); });
}

function action(it, type, outcomes, may, again) {
  const facts = [
    it.due_on && t('due {}', day(it.due_on)), it.valid_until && t('until {}', moment(it.valid_until)),
    it.show_limit && t('shown {} of {} times', it.shown.length, it.show_limit), !it.show_limit && it.shown.length > 0 && t('shown {} times', it.shown.length),
    it.operator, it.outcome && (outcomes.get(it.outcome)?.name ?? it.outcome),
  ].filter(Boolean);
  return h('article', { class: 'action', 'data-action': it.id },
    h('div', { class: 'row' }, h('b', {}, type?.name ?? it.type), chip(...acts(type?.access_action ?? 'none'))),
    type?.message && h('p', { class: 'sign' }, type.message),
    h('p', {}, it.text, it.note && h('span', { class: 'quiet' }, ` – ${it.note}`)),
    h('p', {}, h('small', {}, facts.join(' · '))),
    may('write_crm') && button(t('Conclude…'), () => conclude(it, type, outcomes, again), { class: 'small', 'data-key': `conclude ${it.id}` }));
}

function make(person, types, me, again) {
  const options = types.map(type => h('option', { value: type.id, selected: type.default }, `${type.name} (${acts(type.access_action ?? 'none')[2]})`));
  return ask({
    title: t('New action'),
    fields: [
      field(t('Type'), h('select', { name: 'type' }, options), t('The type says what the member reads and whether the gate stays shut.')),
      field(t('What is to be done'), h('textarea', { name: 'text', required: true, rows: 2 }), t('For the desk; the member does not read this.')),
      field(t('Due'), h('input', { type: 'date', name: 'due_on' })),
      field(t('Show at most'), h('input', { type: 'number', name: 'show_limit', min: 1, max: 1000 }), t('Times; empty: without limit. A block is never limited.')),
    ],
    yes: t('Save'), no: t('Cancel'),
    act: async ({ type, text, due_on: due, show_limit: limit }) => {
      await send('POST', 'crm/actions', { person, type, text, operator: me.name, due_on: due || null, show_limit: limit ? Number(limit) : null });
      await again();
    },
  });
}

function conclude(it, type, outcomes, again) {
  const options = (type?.outcomes ?? []).map(id => h('option', { value: id }, outcomes.get(id)?.name ?? id));
  if (options.length === 0) {
    return ask({ title: t('Conclude'), text: t('This type has no outcomes: attach some to it first.'), yes: t('Well'), no: t('Cancel'), act: async () => {} });
  }
  return ask({
    title: t('Conclude'),
    text: t('A positive or a negative outcome ends what the action does at the gate.'),
    fields: [field(t('Outcome'), h('select', { name: 'outcome' }, options)), field(t('Note'), h('textarea', { name: 'note', rows: 2 }))],
    yes: t('Save'), no: t('Cancel'),
    act: async ({ outcome, note }) => {
      const with_note = note.trim() !== '';
      await send('POST', `crm/actions/${part(it.id)}/advance`, { mode: with_note ? 'close_with_history' : 'close', outcome, note: with_note ? note.trim() : null });
      await again();
    },
  });
}
