// The frame around every page: signing in, the way from page to page, and whether what is shown is true at this moment.

import { forget, get, keep, token } from './api.js';
import { classes } from './classes.js';
import { button, field, fill, h } from './dom.js';
import { feed } from './feed.js';
import { gates } from './gates.js';
import { mywellness } from './mywellness.js';
import { people } from './people.js';
import { site } from './site.js';
import { moment, speak, t } from './words.js';

// Each page: where it is, what it is called, what a role needs to see it, and what fills it.
const PAGES = [
  { path: 'gates', name: () => t('Gates'), open: me => me.may.includes('see_site'), show: gates },
  { path: 'people', name: () => t('People'), open: me => me.may.includes('see_people'), show: people },
  { path: 'classes', name: () => t('Classes'), open: me => me.may.includes('see_classes'), show: classes },
  { path: 'mywellness', name: () => 'Mywellness', open: me => me.mywellness && me.may.includes('see_people') && me.may.includes('see_site'), show: mywellness },
  { path: 'site', name: () => t('Site'), open: me => me.may.includes('see_site'), show: site },
];

let leaving = new AbortController();

async function begin() {
  leaving.abort();
  if (!token()) return signIn();
  try {
    const me = await get('me');
    speak(me.site.locale, me.site.timezone);
    frame(me);
  } catch (problem) {
    if (problem.status !== 401) signIn(problem.message);
  }
}

function signIn(trouble = '') {
  leaving.abort();
  feed.stop();
  document.title = 'Varco';
  const said = h('p', { class: 'trouble', role: 'alert' }, trouble);
  const input = h('input', {
    name: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true, autofocus: true,
  });
  const form = h('form', { class: 'card' },
    h('h1', {}, 'Varco'),
    field(t('Token'), input, t('An administrator makes one with: varco token create')),
    said,
    h('button', { type: 'submit', class: 'primary' }, t('Sign in')));
  form.addEventListener('submit', event => {
    event.preventDefault();
    keep(input.value.trim());
    begin();
  });
  fill(document.body, h('main', { class: 'sign-in' }, form));
  input.focus();
}

function frame(me) {
  const ending = leaving = new AbortController();
  const signal = ending.signal;
  const pages = PAGES.filter(page => page.open(me));
  const main = h('main', { id: 'main', tabindex: '-1' });
  const links = pages.map(page => h('a', { href: `#/${page.path}` }, page.name()));
  const stale = h('p', { class: 'stale', role: 'alert', hidden: true });
  const live = h('span', { class: 'live', role: 'status' });
  fill(document.body,
    h('header', {},
      h('a', { class: 'skip', href: '#main', onclick: event => { event.preventDefault(); main.focus(); } }, t('To the content')),
      h('strong', {}, me.site.name),
      h('nav', { 'aria-label': t('Pages') }, links),
      h('div', { class: 'who' }, live, h('span', {}, `${me.name} (${me.role})`),
        button(t('Sign out'), () => forget(false), { 'data-key': 'sign-out' }))),
    stale, main);

  let turning = new AbortController();
  const turn = () => {
    turning.abort();
    turning = new AbortController();
    const [path, ...rest] = location.hash.replace(/^#\//, '').split('/').map(decoded);
    const page = pages.find(it => it.path === path) ?? pages[0];
    links.forEach((link, at) => link.toggleAttribute('aria-current', pages[at] === page));
    document.title = `${page.name()} · ${me.site.name}`;
    fill(main);
    page.show({ root: main, me, may: right => me.may.includes(right), signal: turning.signal, rest });
  };
  addEventListener('hashchange', turn, { signal });
  signal.addEventListener('abort', () => turning.abort());

  if (me.may.includes('see_site')) {
    const tell = () => {
      const lost = feed.lostSince;
      stale.hidden = lost === null;
      stale.textContent = lost ? t('No connection since {}. What you see may be old.', moment(lost)) : '';
      live.textContent = lost ? '' : t('live');
      document.body.classList.toggle('old', lost !== null);
    };
    feed.addEventListener('connected', tell, { signal });
    feed.addEventListener('lost', tell, { signal });
    feed.start();
  }
  turn();
}

/** A part of the address; what somebody mistyped there is taken as it stands. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

addEventListener('signed-out', ({ detail: refused }) => signIn(refused ? t('This token is not known here, or no longer.') : ''));
begin();
