// What waits for a person's word on its way to an upstream: parked rows, to be tried again or given up with a reason.

import { get, query, send } from './api.js';
import { ask, button, field, fill, h, table } from './dom.js';
import { feed } from './feed.js';
import { person } from './passages.js';
import { moment, t } from './words.js';

const SHOWN = 100;
const REASON_CHARS_MAX = 300;

/** Fills a section with a lane's parked rows; without a lane, with everybody's. */
export function outbox(root, { may, signal, lane, title }) {
  const draw = async () => {
    const page = await get(`outbox${query({ lane, state: 'parked', limit: SHOWN })}`);
    if (signal.aborted) return;
    const rows = page.items.map(row => h('tr', { 'data-row': row.id },
      h('td', { class: 'when' }, moment(row.written_at)), h('td', {}, row.lane), h('td', {}, row.kind),
      h('td', {}, row.person ? person(row.person, may) : h('code', {}, row.key)), h('td', {}, row.last_error ?? ''),
      h('td', { class: 'end' }, may('command_outbox') && [
        button(t('Try again'), event => act(event.target, () => send('POST', `outbox/${row.id}/retry`)), { class: 'small', 'data-key': `retry ${row.id}` }), ' ',
        button(t('Discard…'), () => discard(row), { class: 'small', 'data-key': `discard ${row.id}` })])));
    fill(root, h('h2', {}, title), rows.length ? table([t('Since'), t('Lane'), t('What'), t('Who'), t('Why'), ''], rows)
      : h('p', { class: 'quiet' }, t('Nothing waits for anybody.')),
      page.next && h('p', { class: 'quiet' }, t('The first {} are shown.', SHOWN)));
  };
  const trouble = problem => { if (!signal.aborted && problem.status > 0) root.append(h('p', { class: 'trouble', role: 'alert' }, problem.message)); };
  const act = (pressed, command) => { pressed.disabled = true; return command().then(draw).catch(trouble); };
  const discard = row => ask({
    title: t('Discard'), text: t('It is not told, now or later. The reason is written down with your name.'),
    fields: [field(t('Reason'), h('input', { name: 'reason', required: true, maxlength: REASON_CHARS_MAX, autocomplete: 'off' }))],
    yes: t('Discard'), no: t('Cancel'), danger: true,
    act: async ({ reason }) => { await send('POST', `outbox/${row.id}/discard`, { reason }); await draw(); },
  });
  feed.addEventListener('connected', () => draw().catch(trouble), { signal });
  draw().catch(trouble);
}
