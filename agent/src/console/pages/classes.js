// The classes of today: who is booked, who came, and ticking off whoever came without a badge.

import { get, part, query, send } from './api.js';
import { button, chip, field, fill, h, table } from './dom.js';
import { feed } from './feed.js';
import { person } from './passages.js';
import { minute, t, today } from './words.js';

const SHOWN = 100;

/** The classes of today, or the one named in the address. */
export function classes(page) {
  return page.rest[0] ? one(page, page.rest[0]) : day(page);
}

async function names() {
  const products = (await get('classes/products?limit=500')).items;
  return new Map(products.map(product => [product.id, product.name]));
}

async function day({ root, signal }) {
  const draw = async () => {
    const [from, to] = today();
    const [page, named] = await Promise.all([get(`classes${query({ from: from.toISOString(), to: to.toISOString(), limit: SHOWN })}`), names()]);
    if (signal.aborted) return;
    const rows = page.items.map(it => h('tr', { 'data-class': it.id },
      h('td', { class: 'when' }, `${minute(it.starts_at)}–${minute(it.ends_at)}`),
      h('td', {}, h('a', { href: `#/classes/${part(it.id)}` }, named.get(it.product) ?? it.product), ' ', it.status === 'cancelled' && chip('bad', '✕', t('cancelled'))),
      h('td', {}, it.capacity ? `${it.booked} / ${it.capacity}` : String(it.booked)), h('td', {}, String(it.waiting)), h('td', {}, String(it.attended))));
    fill(root, h('h1', {}, t('Classes today')), rows.length ? table([t('Time'), t('Class'), t('Booked'), t('Waiting'), t('Came')], rows)
      : h('p', { class: 'quiet' }, t('No classes today.')));
  };
  const tolerant = () => draw().catch(problem => { if (problem.status > 0) fill(root, h('p', { class: 'trouble' }, problem.message)); });
  feed.addEventListener('varco:passage', tolerant, { signal });
  feed.addEventListener('varco:attendance', tolerant, { signal });
  feed.addEventListener('connected', tolerant, { signal });
  tolerant();
}

async function one({ root, may, signal }, id) {
  const of = `classes/${part(id)}`;
  const trouble = h('p', { class: 'trouble', role: 'alert' });
  const tick = async whom => {
    trouble.textContent = '';
    try {
      await send('POST', `${of}/attendance`, { person: whom });
      await draw();
    } catch (problem) {
      trouble.textContent = problem.message;
    }
  };
  const input = h('input', { name: 'person', autocomplete: 'off', required: true });
  const form = h('form', { class: 'row tools' }, field(t('Came without a booking (member number)'), input), h('button', { type: 'submit' }, t('Tick off')));
  form.addEventListener('submit', event => { event.preventDefault(); tick(input.value.trim()); input.value = ''; });
  const list = h('div', {});
  const draw = async () => {
    const [it, bookings, came, named] = await Promise.all([
      get(of), get(`${of}/bookings?limit=500`), get(`${of}/attendance?limit=500`), names()]);
    if (signal.aborted) return;
    const status = { booked: ['good', '✓', t('booked')], waiting: ['note', '…', t('waiting')], cancelled: ['quiet', '–', t('cancelled')] };
    const rows = bookings.items.map(booking => h('tr', { 'data-person': booking.person },
      h('td', {}, person(booking.person, may)), h('td', {}, chip(...status[booking.status])),
      h('td', { class: 'end' }, booking.attended ? chip('good', '✓', t('came'))
        : may('tick_off') && booking.status !== 'cancelled' && button(t('Tick off'), () => tick(booking.person), { class: 'small', 'data-key': `tick ${booking.person}` }))));
    const walked_in = came.items.filter(it => it.walk_in && it.person).map(it => h('tr', { 'data-person': it.person },
      h('td', {}, person(it.person, may)), h('td', {}, chip('note', '→', t('without a booking'))), h('td', { class: 'end' }, chip('good', '✓', t('came')))));
    fill(list, h('h1', {}, named.get(it.product) ?? it.product, ` ${minute(it.starts_at)}–${minute(it.ends_at)}`),
      rows.length + walked_in.length ? table([t('Who'), t('Booking'), ''], [...rows, ...walked_in]) : h('p', { class: 'quiet' }, t('Nobody has booked.')));
  };
  fill(root, h('p', {}, h('a', { href: '#/classes' }, t('Classes today'))), list, trouble, may('tick_off') && form);
  const tolerant = () => draw().catch(problem => { if (problem.status > 0) trouble.textContent = problem.message; });
  feed.addEventListener('varco:passage', tolerant, { signal });
  feed.addEventListener('varco:attendance', tolerant, { signal });
  feed.addEventListener('connected', tolerant, { signal });
  tolerant();
}
