// People: finding one, and all that the desk may want to know of them on one page.

import { get, part, query } from './api.js';
import { button, chip, drawing, fill, h, table } from './dom.js';
import { feed } from './feed.js';
import { integration } from './integration.js';
import { messages } from './messages.js';
import { passage } from './passages.js';
import { day, minute, moment, t } from './words.js';

const FOUND_SHOWN = 50;
const HISTORY_SHOWN = 20;
// How long the typing must rest before it is searched for.
const TYPING_RESTS = 200;

/** The search, or the page of the person named in the address. */
export function people(page) {
  return page.rest[0] ? one(page, page.rest[0]) : search(page);
}

function search({ root, signal }) {
  const found = h('div', { 'aria-live': 'polite' });
  const input = h('input', { type: 'search', name: 'query', autocomplete: 'off', spellcheck: 'false', placeholder: t('Name, e-mail address or member number') });
  let asked = 0;
  const look = async () => {
    const mine = ++asked;
    const text = input.value.trim();
    let page;
    try {
      page = await get(`people${query({ query: text, limit: FOUND_SHOWN })}`);
    } catch (problem) {
      fill(found, h('p', { class: 'trouble' }, problem.message));
      return;
    }
    // An answer that was overtaken by a later question is nobody's.
    if (mine !== asked || signal.aborted) return;
    const rows = page.items.map(person => h('tr', {},
      h('td', {}, h('a', { href: `#/people/${part(person.external_id)}` }, `${person.first_name} ${person.last_name}`)),
      h('td', {}, person.external_id),
      h('td', { class: 'quiet' }, person.email ?? ''),
      h('td', {}, flags(person))));
    fill(found, rows.length ? table([t('Name'), t('Number'), t('E-mail'), ''], rows) : h('p', { class: 'quiet' }, t('Nobody is found.')),
      page.next && h('p', { class: 'quiet' }, t('There are more: write more of the name.')));
  };
  let timer;
  input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(look, TYPING_RESTS); });
  fill(root, h('h1', {}, t('People')), h('label', { class: 'search' }, h('span', { class: 'skip' }, t('Search')), input), found);
  input.focus();
  look();
}

function flags(person) {
  return [
    person.ban && chip('bad', '✕', t('banned')), ' ',
    person.staff && chip('note', '★', t('staff')), ' ',
    person.category && chip('quiet', '·', person.category),
  ];
}

async function one({ root, me, may, signal }, id) {
  const of = part(id);
  let person;
  try {
    person = await get(`people/${of}`);
  } catch (problem) {
    fill(root, h('p', { class: 'trouble' }, problem.message));
    return;
  }
  if (signal.aborted) return;
  const name = `${person.first_name} ${person.last_name}`;
  document.title = `${name} · ${me.site.name}`;
  const cloud = h('span', {});
  const [now, crm, sync, visits, passages] = ['now', 'crm', 'sync', 'visits', 'passages'].map(kind => h('section', { class: 'card', 'data-part': kind }));
  fill(root,
    h('div', { class: 'row head' }, photo(person), h('div', {}, h('h1', {}, name, ' ', cloud),
      h('div', { class: 'row' }, h('span', { class: 'quiet' }, id), flags(person)))),
    person.ban && h('p', { class: 'alarm' }, t('Banned'), person.ban.until ? ` ${t('until {}', day(person.ban.until))}` : '', person.ban.reason ? `: ${person.ban.reason}` : ''),
    h('div', { class: 'halves' }, now, may('see_crm') && crm, credentials(person), memberships(person), me.mywellness && sync, details(person)),
    may('see_site') && [visits, passages]);

  const open = new Set();
  const readNow = async () => fill(now, standing(await get(`people/${of}/standing`)));
  const readPassages = async () => {
    const { items } = await get(`passages${query({ person: id, limit: HISTORY_SHOWN })}`);
    const rows = items.map(entry => passage(entry, { may, open, shows: { person: false } }));
    fill(passages, h('h2', {}, t('Passages')), rows.length ? table([t('Time'), t('Reader'), t('What and why'), ''], rows) : none());
  };
  const readVisits = async () => {
    const { items } = await get(`visits${query({ person: id, limit: HISTORY_SHOWN })}`);
    fill(visits, h('h2', {}, t('Visits')), items.length ? table([t('Began'), t('Ended'), t('Reader'), t('With'), t('Told to')], items.map(visit)) : none());
  };
  const tolerant = part => part().catch(problem => problem.status > 0 && fill(now, h('p', { class: 'trouble' }, problem.message)));
  const readCrm = may('see_crm') ? messages(crm, { me, may, person: id, changed: () => tolerant(readNow) }) : async () => {};
  const read = () => [readNow, readCrm, ...(may('see_site') ? [readPassages, readVisits] : [])].forEach(tolerant);
  feed.addEventListener('varco:passage', ({ detail }) => detail.person === id && read(), { signal });
  feed.addEventListener('connected', read, { signal });
  read();
  if (me.mywellness) {
    integration(sync, {
      may, person: id, signal,
      known: linked => cloud.replaceChildren(linked ? drawing('cloud', t('known at Mywellness since {}', moment(linked))) : ''),
    });
  }
}

const none = () => h('p', { class: 'quiet' }, t('None yet.'));

function photo(person) {
  const initials = `${person.first_name[0] ?? ''}${person.last_name[0] ?? ''}`;
  if (!person.photo) return h('span', { class: 'photo', 'aria-hidden': 'true' }, initials);
  return h('img', { class: 'photo', src: `data:image/jpeg;base64,${person.photo.jpeg_base64}`, alt: t('Photo') });
}

function standing({ presence, visit, entries_left: left, bookings }) {
  const cards = Object.entries(left).map(([card, entries]) => h('p', {}, `${card}: `, entries === null ? t('entries unknown') : t('{} entries left', entries)));
  const booked = bookings.filter(it => it.booking !== 'cancelled');
  return [
    h('h2', {}, t('Now')),
    h('p', {}, presence ? chip('good', '●', t('inside: {}', presence.zone)) : chip('quiet', '○', t('not inside')), ' ',
      presence && h('span', { class: 'quiet' }, t('since {}', moment(presence.since)))),
    h('p', {}, visit && !visit.ended ? t('Visit since {}', moment(visit.started_at)) : t('No open visit')),
    cards,
    booked.map(it => h('p', {}, t('Class {} at {}', it.product, minute(it.starts_at)), ' ', it.attended && chip('good', '✓', t('ticked off')))),
  ];
}

function credentials({ credentials: cards = [] }) {
  const tones = { active: ['good', '✓', t('active')], lost: ['bad', '✕', t('lost')], revoked: ['bad', '✕', t('withdrawn')] };
  return h('section', { class: 'card' }, h('h2', {}, t('Badges')),
    cards.length ? cards.map(card => h('p', {}, h('code', {}, card.value), ` ${card.kind ?? ''} `, chip(...tones[card.status ?? 'active']),
      card.valid_until && h('small', {}, ' ', t('until {}', moment(card.valid_until))))) : none());
}

function memberships({ memberships: held = [] }) {
  return h('section', { class: 'card' }, h('h2', {}, t('Memberships')),
    held.length ? held.map(it => h('p', {}, h('b', {}, it.product ?? it.id), ` ${day(it.starts_on)} – ${day(it.ends_on)} `,
      it.ended && chip('bad', '✕', t('ended')), it.frozen && chip('note', '!', t('frozen')),
      it.zones?.length > 0 && h('small', {}, ` ${it.zones.join(', ')}`))) : none());
}

function details(person) {
  const line = (label, value) => value && [h('dt', {}, label), h('dd', {}, value)];
  return h('section', { class: 'card' }, h('h2', {}, t('Details')), h('dl', {},
    line(t('Born'), person.birth_date && day(person.birth_date)), line(t('E-mail'), person.email), line(t('Phone'), person.mobile ?? person.phone),
    line(t('Groups'), person.groups?.join(', ')), line(t('Association fee until'), person.fee_valid_until && day(person.fee_valid_until)),
    line(t('Certificate until'), person.certificate_valid_until && day(person.certificate_valid_until))));
}

function visit(it) {
  const tones = { delivered: ['good', '✓'], parked: ['bad', '!'], held: ['note', '…'], unsure: ['note', '?'], suppressed: ['quiet', '–'] };
  return h('tr', {},
    h('td', { class: 'when' }, moment(it.started_at)),
    h('td', { class: 'when' }, it.ended ? moment(it.ended.at) : t('still here')),
    h('td', {}, it.reader),
    h('td', {}, it.membership ?? it.class ?? '–', it.entries_taken > 0 && h('small', {}, ` ${t('{} entries', it.entries_taken)}`)),
    h('td', {}, it.delivery.map(note => [chip(...(tones[note.state] ?? ['quiet', '…']), note.lane, { title: note.last_error ?? note.state }), ' '])));
}
