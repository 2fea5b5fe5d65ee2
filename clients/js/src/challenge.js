// Asking for a code. The envelope of the open challenge is kept here, for its code and for sending that again.

import { camel } from './call.js';
import { CountersignError } from './error.js';
import { solve } from './puzzle.js';

/** How many puzzles in a row are solved for one message: a solution may come too late. */
const ROUNDS = 3;

export function createChallenges({ call, store, name, base }) {
  /** Until when (ms) nothing should be asked for a recipient, since this client did. */
  const asked = new Map();
  let challenge = null;

  function keep(next) {
    challenge = next;
    store.write(name, next);
    for (const [key, until] of asked) if (until <= Date.now()) asked.delete(key);
    if (next) asked.set(keyOf(next), 1000 * next.resendAt);
  }

  const before = store.read(name);
  if (before?.expiresAt > Date.now() / 1000) keep(before);

  async function ask(path, about, envelope, { locale, captcha, signal, onPuzzle } = {}) {
    const body = { [about.field]: about.recipient, challenge: envelope, locale, captcha };
    const key = keyOf(about);
    const until = asked.get(key) ?? 0;
    // A puzzle lifts a pause that somebody else caused.
    const maySolve = until <= Date.now();
    asked.set(key, Infinity);
    try {
      for (let round = 1; ; round += 1) {
        try {
          return begin(about, camel(await call(path, body, 'challenge', signal)));
        } catch (error) {
          if (!error.puzzle || !maySolve || round > ROUNDS) throw error;
          onPuzzle?.();
          body.puzzle = await solve(error.puzzle, base);
          if (!body.puzzle) throw error;
        }
      }
    } finally {
      if (asked.get(key) === Infinity) asked.set(key, until);
    }
  }

  function begin(about, { challenge: envelope, expiresIn, resendAfter, codeLength, codeCharset }) {
    const [expiresAt, resendAt] = [expiresIn, resendAfter].map((seconds) => Date.now() / 1000 + seconds);
    keep({ ...about, envelope, expiresAt, resendAt, codeLength, codeCharset });
    return { expiresIn, resendAfter, codeLength, codeCharset };
  }

  function needed() {
    if (challenge) return challenge;
    throw new CountersignError(0, { code: 'no_challenge', detail: 'No code was asked for.' });
  }

  return {
    keep,
    needed,
    open: () => challenge,
    async request(recipients, options) {
      const [field, recipient] = Object.entries(recipients)[0];
      const isEmail = field === 'email' || (field !== 'phone_number' && recipient.includes('@'));
      const channel = options?.channel ?? (isEmail ? 'email' : 'mobile');
      return ask(`request/${channel}/`, { channel, field, recipient }, undefined, options);
    },
    async resend(options) {
      const { channel, field, recipient, envelope } = needed();
      return ask('resend/', { channel, field, recipient }, envelope, options);
    },
    async status({ token, signal } = {}) {
      if (token) return call('status/', { token }, 'state', signal);
      const { field, recipient, envelope } = needed();
      return call('status/', { [field]: recipient, challenge: envelope }, 'state', signal);
    },
  };
}

function keyOf({ field, recipient }) {
  return `${field}:${recipient.trim().toLowerCase()}`;
}
