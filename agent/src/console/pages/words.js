// The console's words: texts in the site's language, plain sentences for stable codes, times in the site's zone.

import { ITALIAN } from './words.it.js';
import { SWEDISH } from './words.sv.js';

const TABLES = { it: ITALIAN, sv: SWEDISH };
let table = TABLES[navigator.language.slice(0, 2)] ?? {};
let clock = {};

/** From here on in this language and this time zone. */
export function speak(locale, timezone) {
  table = TABLES[locale] ?? {};
  document.documentElement.lang = locale;
  const region = locale === 'en' ? 'en-GB' : locale;
  const zone = { timeZone: timezone, hourCycle: 'h23' };
  clock = {
    time: new Intl.DateTimeFormat(region, { ...zone, hour: '2-digit', minute: '2-digit', second: '2-digit' }),
    minute: new Intl.DateTimeFormat(region, { ...zone, hour: '2-digit', minute: '2-digit' }),
    date: new Intl.DateTimeFormat(region, { ...zone, day: 'numeric', month: 'short', year: 'numeric' }),
    civil: new Intl.DateTimeFormat('sv', { ...zone, year: 'numeric', month: '2-digit', day: '2-digit' }),
    day: new Intl.DateTimeFormat(region, { timeZone: 'UTC', day: 'numeric', month: 'short', year: 'numeric' }),
  };
}

/** An English text in the site's language, with `{}` for what varies. */
export function t(text, ...values) {
  let said = table[text] ?? text;
  for (const value of values) said = said.replace('{}', () => value);
  return said;
}

/** The time of day of a moment; with its date if that is not today. */
export function moment(at) {
  if (!at) return '–';
  const date = new Date(at);
  const today = clock.civil.format(date) === clock.civil.format(new Date());
  return today ? clock.time.format(date) : `${clock.date.format(date)} ${clock.minute.format(date)}`;
}

/** Hours and minutes of a moment. */
export const minute = at => clock.minute.format(new Date(at));

/** A civil date, as in a document. */
export const day = date => (date ? clock.day.format(new Date(`${date}T00:00:00Z`)) : '–');

/** The moment at which today began at the club, and at which tomorrow does: near enough for a list of the day. */
export function today() {
  const now = new Date();
  const [hours, minutes, seconds] = new Intl.DateTimeFormat('sv', {
    timeZone: clock.time.resolvedOptions().timeZone, hourCycle: 'h23', hour: '2-digit', minute: '2-digit', second: '2-digit',
  }).format(now).split(':').map(Number);
  const from = new Date(now - ((hours * 60 + minutes) * 60 + seconds) * 1000);
  from.setMilliseconds(0);
  return [from, new Date(from.getTime() + 24 * 3600 * 1000)];
}

const OUTCOMES = {
  passed: ['good', '✓', () => t('passed')],
  not_passed: ['quiet', '○', () => t('did not go through')],
  denied: ['bad', '✕', () => t('refused')],
  free: ['good', '✓', () => t('gate was free')],
  manual: ['note', '◆', () => t('opened by hand')],
  forced: ['bad', '!', () => t('forced')],
  emergency: ['bad', '!', () => t('emergency release')],
  stale: ['quiet', '○', () => t('told too late')],
};

/** Tone, symbol and word of a passage's outcome. */
export function outcome(code) {
  const [tone, symbol, word] = OUTCOMES[code] ?? ['quiet', '?', () => code];
  return [tone, symbol, word()];
}

const DIRECTIONS = { in: ['→', () => t('in')], out: ['←', () => t('out')], both: ['↔', () => t('in and out')], inner: ['↷', () => t('inside')] };

/** Arrow and word of a direction. */
export function direction(code) {
  const [arrow, word] = DIRECTIONS[code] ?? ['', () => ''];
  return [arrow, word()];
}

const REASONS = {
  gate_locked: () => t('The gate is locked'),
  staff_only: () => t('The gate is for staff only'),
  unknown_credential: () => t('Nobody has this badge'),
  ambiguous_credential: () => t('Several people’s badges read alike'),
  credential_lost: () => t('The badge was reported lost'),
  credential_revoked: () => t('The badge was withdrawn'),
  credential_not_yet_valid: () => t('The badge is not valid yet'),
  credential_expired: () => t('The badge has expired'),
  banned: () => t('Banned from the club'),
  closed: () => t('Closed at this hour'),
  too_young: () => t('Younger than this reader allows'),
  age_unknown: () => t('There is an age limit and the birth date is unknown'),
  passback: () => t('Is inside already'),
  no_entitlement: () => t('No membership'),
  membership_not_started: () => t('The membership has not begun'),
  membership_expired: () => t('The membership has expired'),
  membership_ended: () => t('The membership was ended'),
  membership_frozen: () => t('The membership is frozen'),
  membership_not_charged: () => t('The membership is not charged up to today'),
  wrong_zone: () => t('The membership does not include this zone'),
  outside_hours: () => t('The membership does not include this hour'),
  no_entries_left: () => t('No entries left on the card'),
  entries_unknown: () => t('How many entries are left is unknown'),
  class_too_early: () => t('The booked class has not opened yet'),
  class_too_late: () => t('The booked class began too long ago'),
  class_cancelled: () => t('The booked class is cancelled'),
  class_waiting_list: () => t('On the waiting list of the class'),
  fee_expired: () => t('The association fee has run out'),
  fee_missing: () => t('It is unknown whether the association fee is paid'),
  dues_overdue: () => t('Dues are overdue'),
  certificate_expired: () => t('The medical certificate has expired'),
  certificate_missing: () => t('There is no medical certificate'),
  zone_full: () => t('The zone is full'),
  crm_message: () => t('There is a message for the member'),
  crm_block: () => t('A CRM action holds the gate'),
  store_unavailable: () => t('The agent cannot record passages at present'),
  stale: () => t('Happened while the agent was away'),
};

/** A reason in plain words. */
export const reason = code => REASONS[code]?.() ?? code;

const MODES = {
  normal: ['good', '✓', () => t('by the rules')],
  free: ['note', '⇥', () => t('open to all')],
  staff: ['note', '★', () => t('staff only')],
  locked: ['bad', '✕', () => t('locked')],
};

/** Tone, symbol and word of a gate's mode. */
export function mode(code) {
  const [tone, symbol, word] = MODES[code] ?? ['quiet', '?', () => code];
  return [tone, symbol, word()];
}

const ALARMS = {
  tamper: () => t('Somebody tampers with the gate'),
  held_open: () => t('The gate is held open'),
  emergency: () => t('Emergency: the gate is released'),
  forced: () => t('Forced: somebody went through without a grant'),
  events_lost: () => t('The gate’s controller lost events'),
  restarted: () => t('The gate’s controller restarted'),
};

/** An alarm in plain words. */
export const alarm = kind => ALARMS[kind]?.() ?? kind;

const STEPS = {
  gate_mode: () => t('Gate'), read_hygiene: () => t('Read'), identify: () => t('Badge'), ban: () => t('Ban'), staff: () => t('Staff'),
  reader_suitability: () => t('Reader'), presence: () => t('Presence'), entitlement: () => t('Membership'),
  conditions: () => t('Conditions'), capacity: () => t('Capacity'), crm: () => t('CRM'), combine: () => t('Decision'),
};

/** A step of a decision. */
export const step = code => STEPS[code]?.() ?? code;
