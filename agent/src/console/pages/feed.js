// The live events of the site. EventSource cannot carry a token, so this reads the stream itself; and it says plainly since
// when there has been no connection.

import { request, token } from './api.js';

// The agent shows every fifteen seconds that it lives; a stream that is silent for longer is dead.
const SILENCE_MAX = 40_000;
const PAUSE_FIRST = 500;
const PAUSE_MAX = 10_000;

/**
 * Events arrive as `varco:<type>` on `feed`; `connected` and `lost` tell of the connection. Whoever shows a list reads it
 * again at `connected`: what happened meanwhile is in the store, not in the stream.
 */
class Feed extends EventTarget {
  lostSince = null;
  #ending = null;

  /** Listens until `stop`. */
  async start() {
    this.stop();
    const ending = this.#ending = new AbortController();
    let pause = PAUSE_FIRST;
    while (!ending.signal.aborted && token()) {
      const began = Date.now();
      await this.#listen(ending.signal).catch(() => {});
      if (ending.signal.aborted) return;
      if (this.lostSince === null) {
        this.lostSince = new Date();
        this.dispatchEvent(new Event('lost'));
      }
      // One that held is tried again at once; one that does not come about, ever more rarely.
      pause = Date.now() - began > SILENCE_MAX ? PAUSE_FIRST : Math.min(pause * 2, PAUSE_MAX);
      await rest(pause, ending.signal);
    }
  }

  stop() {
    this.#ending?.abort();
    this.#ending = null;
    this.lostSince = null;
  }

  async #listen(ended) {
    const silent = new AbortController();
    const watchdog = () => setTimeout(() => silent.abort(), SILENCE_MAX);
    let timer = watchdog();
    try {
      const response = await request('events', { signal: AbortSignal.any([ended, silent.signal]) });
      this.lostSince = null;
      this.dispatchEvent(new Event('connected'));
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = watchdog();
        const events = (rest + value).split('\n\n');
        rest = events.pop();
        events.forEach(event => this.#tell(event));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #tell(text) {
    const line = text.split('\n').find(it => it.startsWith('data: '));
    if (!line) return;
    const event = JSON.parse(line.slice(6));
    this.dispatchEvent(new CustomEvent(`varco:${event.type}`, { detail: event }));
  }
}

function rest(milliseconds, ended) {
  return new Promise(resolve => {
    const over = () => { clearTimeout(timer); removeEventListener('online', over); resolve(); };
    const timer = setTimeout(over, milliseconds);
    addEventListener('online', over);
    ended.addEventListener('abort', over, { once: true });
  });
}

export const feed = new Feed();

/**
 * Calls `act` at the first of a burst, and once more after it if others came meanwhile: a list is read again by one
 * request at a time, however fast people pass.
 */
export function coalesced(act) {
  let running = false;
  let again = false;
  return async () => {
    if (running) { again = true; return; }
    running = true;
    try {
      do { again = false; await act(); } while (again);
    } finally {
      running = false;
    }
  };
}
