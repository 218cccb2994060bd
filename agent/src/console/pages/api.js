// The HTTP API with the token of this tab. The token lives as long as the tab does, and no longer than the agent takes it.

import { t } from './words.js';

const BASE = '/api/v1/';
const KEPT_AS = 'varco.token';

/** What the agent answers when it refuses, in its own words. */
export class Problem extends Error {
  constructor(status, document) {
    const details = (document.problems ?? []).map(({ path, why }) => `${path} ${why}`);
    super([document.detail ?? document.title ?? `HTTP ${status}`, ...details].join(' · '));
    this.status = status;
  }
}

/** The token of this tab, or null. */
export const token = () => sessionStorage.getItem(KEPT_AS);

/** Keeps a token for this tab. */
export const keep = value => sessionStorage.setItem(KEPT_AS, value);

/** Forgets the token; whoever shows something hears of it, and whether the agent refused the token. */
export function forget(refused) {
  sessionStorage.removeItem(KEPT_AS);
  dispatchEvent(new CustomEvent('signed-out', { detail: refused }));
}

/** A request with the token. Fails with a `Problem`; a token that is refused is forgotten. */
export async function request(path, options = {}) {
  const headers = { Authorization: `Bearer ${token()}`, ...options.headers };
  let response;
  try {
    response = await fetch(BASE + path, { ...options, headers, cache: 'no-store' });
  } catch (why) {
    if (why.name === 'AbortError') throw why;
    throw new Problem(0, { detail: t('The agent cannot be reached') });
  }
  if (response.ok) return response;
  const problem = new Problem(response.status, await response.json().catch(() => ({})));
  if (response.status === 401) forget(true);
  throw problem;
}

/** A document. */
export async function get(path) {
  return (await request(path)).json();
}

/** Sends a document and answers what came of it. */
export async function send(method, path, document) {
  const body = document === undefined ? undefined : JSON.stringify(document);
  const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const response = await request(path, { method, body, headers });
  return response.status === 204 ? null : response.json();
}

/** Offers an answer as a file. */
export async function download(path, name) {
  const address = URL.createObjectURL(await (await request(path)).blob());
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

/** A part of a path: ids may hold anything. */
export const part = encodeURIComponent;

/** A query out of the values that are there. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return given.length ? `?${new URLSearchParams(given)}` : '';
}
