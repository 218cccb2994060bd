// Gates and who passes: the page that a front desk has open all day.

import { get, part, query, send } from './api.js';
import { ask, button, chip, field, fill, h, table } from './dom.js';
import { coalesced, feed } from './feed.js';
import { passage, person } from './passages.js';
import { alarm, direction, mode, moment, t } from './words.js';

const PASSAGES_SHOWN = 40;
const REASON_CHARS_MAX = 300;
// How long something that happened once stays on top.
const ALARM_SHOWN_FOR = 30 * 60 * 1000;
const MODES = ['normal', 'free', 'staff', 'locked'];

/** Fills the page and keeps it true until `signal`. */
export function gates({ root, me, may, signal }) {
  const [alarms, cards, list] = [h('section', { class: 'alarms', 'aria-label': t('Alarms'), role: 'alert' }), h('div', { class: 'gates' }), h('div', {})];
  fill(root,
    alarms,
    h('div', { class: 'columns' },
      h('section', {}, h('h1', {}, t('Gates')), cards),
      h('section', { class: 'grow' }, h('h2', {}, t('Passages')), list)));
  const site = { gates: [], readers: [], passages: [], alarms: [], signs: new Map(), open: new Set(), seen: new Set(), dismissed: new Set() };

  const drawCards = () => fill(cards, site.gates.map(gate => card(gate, site, may)));
  // Drawn only when it changes: it is read aloud each time.
  const drawAlarms = () => {
    const [lines, before] = [alarming(site, drawAlarms), alarms.textContent];
    if (lines.map(line => line.textContent).join('') !== before) fill(alarms, lines);
  };
  const drawList = () => {
    const fresh = entry => site.seen.size > 0 && !site.seen.has(entry.passage_id);
    const rows = site.passages.map(entry => passage(entry, { may, open: site.open, fresh: fresh(entry) }));
    site.seen = new Set(site.passages.map(entry => entry.passage_id));
    const empty = h('p', { class: 'quiet' }, t('Nobody has passed yet.'));
    fill(list, rows.length ? table([t('Time'), t('Reader'), t('Who'), t('What and why'), ''], rows) : empty);
  };
  const reading = (draw, read) => coalesced(async () => {
    try {
      await read();
    } catch {
      return; // The frame tells when there is no connection.
    }
    if (!signal.aborted) draw();
  });
  const readDoors = reading(() => { drawCards(); drawAlarms(); }, async () => {
    const [found, readers] = await Promise.all([get('gates'), get('readers')]);
    [site.gates, site.readers] = [found.items, readers.items];
  });
  const readPassages = reading(() => { drawList(); drawCards(); }, async () => {
    site.passages = (await get(`passages${query({ limit: PASSAGES_SHOWN })}`)).items;
  });
  const readAlarms = reading(drawAlarms, async () => {
    const from = new Date(Date.now() - ALARM_SHOWN_FOR).toISOString();
    site.alarms = (await get(`alarms${query({ from, limit: 20 })}`)).items;
  });
  const hear = (type, act) => feed.addEventListener(type, act, { signal });
  hear('connected', () => { readDoors(); readPassages(); readAlarms(); });
  hear('varco:passage', () => { readPassages(); readDoors(); });
  hear('varco:alarm', () => { readAlarms(); readDoors(); });
  hear('varco:gate', readDoors);
  hear('varco:reader', readDoors);
  hear('varco:shown', ({ detail }) => { site.signs.set(detail.reader, { ...detail, at: new Date() }); drawCards(); });
  readDoors();
  readPassages();
  readAlarms();
}

function line(state) {
  if (state.state === 'up') return chip('good', '●', t('connected'));
  if (state.state === 'opening') return chip('quiet', '○', t('connecting'));
  return h('span', {}, chip('bad', '✕', t('no line')), ' ', h('small', {}, state.why));
}

function card(gate, site, may) {
  const readers = site.readers.filter(reader => gate.readers.includes(reader.id));
  const last = site.passages.find(it => it.gate === gate.id && ['passed', 'free', 'manual'].includes(it.outcome));
  return h('article', { class: 'card', 'data-gate': gate.id },
    h('div', { class: 'row' }, h('h3', {}, gate.id), chip(...mode(gate.mode), { 'data-mode': gate.mode }), line(gate.line)),
    gate.controller && controller(gate.controller),
    h('ul', { class: 'plain' }, readers.map(reader => about(reader, site.signs.get(reader.id)))),
    h('p', { class: 'quiet' }, t('Last through:'), ' ',
      last ? [last.person ? person(last.person, may) : t('somebody'), ` ${moment(last.at)}`] : '–'),
    may('command_gates') && h('div', { class: 'row' },
      button(t('Open…'), () => open(gate, readers), { 'data-key': `open ${gate.id}` }),
      button(t('Mode…'), () => change(gate), { 'data-key': `mode ${gate.id}` })));
}

function controller(health) {
  const facts = [
    health.emergency && chip('bad', '!', t('emergency')),
    health.tamper && chip('bad', '!', t('tamper')),
    health.held_open && chip('bad', '!', t('held open')),
    health.lost > 0 && chip('note', '!', t('{} events lost', health.lost)),
  ].filter(Boolean);
  return facts.length > 0 && h('div', { class: 'row' }, facts);
}

function about(reader, sign) {
  const [arrow, way] = direction(reader.direction);
  return h('li', { 'data-reader': reader.id },
    h('div', { class: 'row' }, h('span', { role: 'img', 'aria-label': way, title: way }, arrow), h('b', {}, reader.id), line(reader.line),
      reader.display === 'web' && h('a', { href: `/display/${part(reader.id)}`, target: '_blank', rel: 'noopener' }, t('display'))),
    h('small', { class: 'quiet' }, t('last read {}', moment(reader.last_read_at)),
      reader.misreads > 0 && ` · ${t('{} misreads', reader.misreads)}`),
    sign && h('div', { class: 'sign', title: moment(sign.at) }, sign.lines.join(' ').trim()));
}

/** What lasts at a gate, as its controller says at this moment; and what happened lately, until somebody has seen it. */
function alarming(site, draw) {
  const lasting = site.gates.flatMap(gate => ['emergency', 'tamper', 'held_open']
    .filter(kind => gate.controller?.[kind])
    .map(kind => h('p', { class: 'alarm' }, h('b', {}, `! ${gate.id}`), ' ', alarm(kind))));
  const lately = site.alarms.filter(it => it.state === 'happened' && !site.dismissed.has(it.alarm_id)).map(it =>
    h('p', { class: 'alarm once' }, h('b', {}, `! ${it.gate}`), ` ${moment(it.at)} `, alarm(it.alarm), it.count ? ` (${it.count})` : '', ' ',
      button(t('Seen'), () => { site.dismissed.add(it.alarm_id); draw(); }, { class: 'small', 'data-key': it.alarm_id })));
  return [...lasting, ...lately];
}

const because = () => field(t('Reason'), h('input', { name: 'reason', required: true, maxlength: REASON_CHARS_MAX, autocomplete: 'off' }),
  t('It is written down with your name.'));

function open(gate, readers) {
  const which = h('select', { name: 'reader' }, readers.map(reader => h('option', { value: reader.id }, `${direction(reader.direction)[0]} ${reader.id}`)));
  return ask({
    title: t('Open {} once', gate.id),
    fields: [readers.length > 1 && field(t('Reader'), which), because(),
      field(t('For whom (member number, if known)'), h('input', { name: 'person', autocomplete: 'off' }), t('With a person, it counts as their visit.'))],
    yes: t('Open'), no: t('Cancel'),
    act: ({ reader, reason, person: whom }) => send('POST', `gates/${part(gate.id)}/open`, { reader: reader ?? null, reason, person: whom.trim() || null }),
  });
}

function change(gate) {
  const options = MODES.map(code => h('option', { value: code, selected: code === gate.mode }, mode(code)[2]));
  return ask({
    title: t('Mode of {}', gate.id),
    text: t('It stays until somebody changes it again. Leaving is never refused.'),
    fields: [field(t('Mode'), h('select', { name: 'mode' }, options)), because()],
    yes: t('Change'), no: t('Cancel'), danger: true,
    act: ({ mode: wanted, reason }) => send('POST', `gates/${part(gate.id)}/mode`, { mode: wanted, reason }),
  });
}
