// The site as its network admin sees it: lanes, clock, store, readers, alarms, and the types of CRM actions.

import { get, part, query, send } from './api.js';
import { ask, button, chip, field, fill, h, table } from './dom.js';
import { coalesced, feed } from './feed.js';
import { outbox } from './outbox.js';
import { alarm, moment, t } from './words.js';

const ALARMS_SHOWN = 30;
// What waits changes with every row; no event tells of each.
const READ_EVERY = 5000;

/** Fills the page and keeps it true until `signal`. */
export function site({ root, may, signal }) {
  const [health, lanes, alarms, rows, types] = ['health', 'lanes', 'alarms', 'rows', 'types'].map(kind => h('section', { 'data-part': kind }));
  fill(root, h('h1', {}, t('Site')), health, lanes, rows, alarms, types);
  const read = coalesced(async () => {
    try {
      const [it, told] = await Promise.all([fetch('/healthz', { cache: 'no-store' }).then(answer => answer.json()),
        get(`alarms${query({ limit: ALARMS_SHOWN })}`)]);
      if (signal.aborted) return;
      fill(health, about(it));
      fill(lanes, h('h2', {}, t('Lanes')), it.lanes.length ? table([t('Lane'), t('Connection'), t('Waiting'), t('Oldest'), t('Held'), t('Parked'), t('Delivered')], it.lanes.map(lane))
        : h('p', { class: 'quiet' }, t('No upstream is configured.')));
      fill(alarms, h('h2', {}, t('Alarms')), told.items.length ? table([t('Time'), t('Gate'), t('What')], told.items.map(line))
        : h('p', { class: 'quiet' }, t('None yet.')));
    } catch {
      // The frame tells when there is no connection.
    }
  });
  const timer = setInterval(read, READ_EVERY);
  signal.addEventListener('abort', () => clearInterval(timer));
  ['connected', 'varco:lane', 'varco:store', 'varco:alarm'].forEach(type => feed.addEventListener(type, read, { signal }));
  read();
  outbox(rows, { may, signal, title: t('Needs somebody') });
  if (may('see_crm')) actionTypes(types, may);
}

function about(it) {
  const clocks = { synced: ['good', '✓', t('synchronised')], holdover: ['note', '!', t('not synchronised lately')], untrusted: ['bad', '✕', t('not to be trusted')] };
  const stores = { ready: ['good', '✓', t('writes')], full: ['bad', '✕', t('disk full: passages wait in memory')], overflowing: ['bad', '✕', t('disk full: plain gates refuse entry')] };
  const hours = Math.floor(it.uptime_seconds / 3600);
  const up = hours >= 48 ? t('{} days', Math.floor(hours / 24)) : hours >= 1 ? t('{} hours', hours) : t('{} minutes', Math.floor(it.uptime_seconds / 60));
  return h('div', { class: 'figures' },
    h('div', { class: 'card' }, h('b', {}, t('Clock')), ' ', chip(...clocks[it.clock]), h('span', { class: 'quiet' }, ` ${moment(it.time)}`)),
    h('div', { class: 'card' }, h('b', {}, t('Store')), ' ', chip(...stores[it.store])),
    h('div', { class: 'card' }, h('b', {}, `Varco ${it.version}`), h('span', { class: 'quiet' }, ` ${t('runs for {}', up)}`)));
}

function lane(it) {
  const link = it.connection?.link;
  const shown = it.orphaned ? chip('note', '!', t('configured no longer'))
    : link === 'online' ? chip('good', '●', t('connected')) : link === 'offline' ? chip('bad', '✕', t('out of reach')) : chip('quiet', '○', t('connecting'));
  return h('tr', { 'data-lane': it.lane },
    h('td', {}, h('b', {}, it.lane)),
    h('td', {}, shown, it.connection?.since && h('small', {}, ` ${t('since {}', moment(it.connection.since))}`), it.connection?.why && h('div', { class: 'quiet' }, it.connection.why)),
    h('td', {}, String(it.waiting + it.sent)), h('td', { class: 'when' }, moment(it.oldest)), h('td', {}, String(it.held)),
    h('td', {}, it.parked > 0 ? chip('bad', '!', String(it.parked)) : '0'), h('td', {}, String(it.delivered)));
}

function line(it) {
  const states = { began: t('began'), ended: t('is over'), happened: '' };
  return h('tr', {}, h('td', { class: 'when' }, moment(it.at)), h('td', {}, it.gate), h('td', {}, alarm(it.alarm), it.count ? ` (${it.count})` : '', states[it.state] && ` – ${states[it.state]}`));
}

const acts = () => ({ none: t('says nothing at the gate'), message: t('message'), message_and_block: t('message and block') });

async function actionTypes(root, may) {
  const draw = async () => {
    const [types, outcomes] = await Promise.all([get('crm/action-types'), get('crm/outcomes')]);
    const rows = types.items.map(it => h('tr', {}, h('td', {}, h('b', {}, it.name), ' ', it.obsolete && chip('quiet', '–', t('obsolete'))),
      h('td', {}, acts()[it.access_action ?? 'none']), h('td', {}, it.message ?? ''), h('td', { class: 'quiet' }, (it.warnings ?? []).join(' · '))));
    fill(root, h('h2', {}, t('Types of actions')), rows.length ? table([t('Name'), t('At the gate'), t('The member reads'), ''], rows) : h('p', { class: 'quiet' }, t('None yet.')),
      may('write_crm') && h('p', {}, button(t('New type…'), () => make(outcomes.items, types.items), { 'data-key': 'new-type' })));
  };
  const make = (outcomes, types) => ask({
    title: t('New type'),
    fields: [
      field(t('Name'), h('input', { name: 'name', required: true, autocomplete: 'off' })),
      field(t('At the gate'), h('select', { name: 'access_action' }, Object.entries(acts()).reverse().map(([code, word]) => h('option', { value: code }, word)))),
      field(t('The member reads'), h('input', { name: 'message', maxlength: 300, autocomplete: 'off' }), t('A display of a controller shows the first 32 characters.')),
    ],
    yes: t('Save'), no: t('Cancel'),
    act: async ({ name, access_action: act, message }) => {
      const id = named(name, types);
      const ends = outcomes.length ? outcomes.map(it => it.id) : await firstOutcomes();
      await send('PUT', `crm/action-types/${part(id)}`, { name, access_action: act, message: message || null, outcomes: ends });
      await draw();
    },
  });
  await draw().catch(problem => fill(root, h('p', { class: 'trouble' }, problem.message)));
}

/** An id out of a name, that no type has yet. */
function named(name, types) {
  const base = name.normalize('NFD').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40) || 'type';
  const taken = new Set(types.map(it => it.id));
  let id = base;
  for (let next = 2; taken.has(id); next += 1) id = `${base}-${next}`;
  return id;
}

/** A club without outcomes gets two, so that its first action can be concluded. */
async function firstOutcomes() {
  await send('PUT', 'crm/outcomes/done', { name: t('done'), group: 'positive' });
  await send('PUT', 'crm/outcomes/declined', { name: t('declined'), group: 'negative' });
  return ['done', 'declined'];
}
