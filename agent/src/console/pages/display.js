// The screen at one reader: what its member reads, for as long as it takes to read, and then the club's name again. Its token
// comes once, in the address after `#token=`, and stays with this tab.

import { get, keep, token } from './api.js';
import { field, fill, h } from './dom.js';
import { feed } from './feed.js';
import { moment, speak, t } from './words.js';

// As long as a controller's display shows the same.
const LASTS = { welcome: 3000, wait: 3000, message: 5000, denied: 5000 };
const MEANS = {
  welcome: ['✓', () => t('come in')], message: ['✓', () => t('come in, and read')],
  denied: ['✕', () => t('not this time')], wait: ['…', () => t('one moment')],
};

const reader = decodeURIComponent(location.pathname.split('/')[2] ?? '');
let ending = new AbortController();

async function begin() {
  ending.abort();
  const { signal } = ending = new AbortController();
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) {
    keep(given);
    history.replaceState(null, '', location.pathname);
  }
  if (!token()) return askForToken();
  let me;
  try {
    me = await get('me');
    speak(me.site.locale, me.site.timezone);
    const { items } = await get('readers');
    const known = items.find(it => it.id === reader);
    if (!known || known.display !== 'web') {
      return fill(document.body, h('main', {}, h('p', {}, known ? t('Reader {} has no display of this kind: display = "web"', reader) : t('There is no reader {}', reader))));
    }
  } catch (problem) {
    if (problem.status === 401) return undefined;
    fill(document.body, h('main', {}, h('p', { class: 'idle' }, problem.message)));
    // A screen on a wall has nobody who would press reload.
    setTimeout(() => signal.aborted || begin(), LASTS.denied);
    return undefined;
  }
  document.title = `${reader} · ${me.site.name}`;
  return watch(me, signal);
}

function watch(me, signal) {
  const main = h('main', { 'aria-live': 'assertive' });
  const stale = h('p', { class: 'stale', role: 'alert', hidden: true });
  fill(document.body, main, stale);
  let timer;
  const idle = () => {
    main.className = '';
    main.dataset.light = 'idle';
    fill(main, h('p', { class: 'idle' }, me.site.name));
  };
  const shown = ({ detail }) => {
    if (detail.reader !== reader) return;
    clearTimeout(timer);
    const [symbol, word] = MEANS[detail.light];
    main.className = detail.light;
    main.dataset.light = detail.light;
    fill(main, h('p', { class: 'symbol', 'aria-hidden': 'true' }, symbol), textOf(detail).map(line => h('p', {}, line)), h('p', { class: 'word' }, word()));
    timer = setTimeout(idle, LASTS[detail.light]);
  };
  const tell = () => {
    stale.hidden = feed.lostSince === null;
    stale.textContent = feed.lostSince ? t('No connection since {}', moment(feed.lostSince)) : '';
  };
  feed.addEventListener('varco:shown', shown, { signal });
  feed.addEventListener('connected', tell, { signal });
  feed.addEventListener('lost', tell, { signal });
  feed.start();
  idle();
}

/** A message of the desk as it was written; any other text in the two lines that the agent fitted it to. */
function textOf({ texts, lines }) {
  const message = texts[0]?.crm?.text;
  return message ? [message] : lines.map(line => line.trim()).filter(Boolean);
}

function askForToken() {
  const input = h('input', { name: 'token', type: 'password', autocomplete: 'off', required: true });
  const form = h('form', {}, field(t('Token'), input), h('button', { type: 'submit' }, t('Sign in')));
  form.addEventListener('submit', event => { event.preventDefault(); keep(input.value.trim()); begin(); });
  fill(document.body, h('main', {}, form));
}

addEventListener('signed-out', () => { ending.abort(); feed.stop(); askForToken(); });
begin();
