// The engine, by the JavaScript client that every site can use.

import { createClient } from './countersign.js';

const { base, sessions } = document.documentElement.dataset;

/** Whether a login is kept by a cookie, which no script sees. Else there are tokens, in memory alone: the page shows them. */
export const keepsSessions = sessions !== undefined;

/** Whether a login can be kept: not where this browser forbids the cookie. */
export const canKeep = !keepsSessions || navigator.cookieEnabled;

export const auth = createClient({ url: `${base}/`, session: keepsSessions ? 'cookie' : 'token', storage: null });

/** What a call comes to: `{ value }`, or `{ error }` where the engine refused it or can't be reached. */
export async function outcome(call) {
  try {
    return { value: await call };
  } catch (error) {
    if (error.name !== 'CountersignError') throw error;
    return { error };
  }
}

/** What a login comes to. An address that isn't led back to any more is no reason to refuse anybody. */
export async function signIn(exchange, returnTo) {
  if (!canKeep) return { error: { code: 'needs_cookies' } };
  const first = await outcome(exchange({ returnTo }));
  return returnTo && refuses(first, 'return_to') ? outcome(exchange({})) : first;
}

/** Whether nothing will ever open this challenge again. */
export function isOver({ error }) {
  const ends = ['challenge_expired', 'challenge_spent', 'attempts_exhausted', 'misdirected'];
  return ends.includes(error?.code) || error?.attemptsLeft === 0;
}

/** Whether what was sent is not right, or not this recipient's. */
export function isWrong({ error }) {
  return error?.code === 'invalid_credentials';
}

/** Whether this field was refused, and not what it is about. */
export function refuses({ error }, field) {
  return error?.code === 'invalid' && Boolean(error.fields[field]);
}

/** The id of a challenge, which its envelope says: a JWT, or a v4.public PASETO. */
export function idOf(envelope) {
  try {
    const [start, second, third] = envelope.split('.');
    const text = atob((start === 'v4' ? third : second).replaceAll('-', '+').replaceAll('_', '/'));
    return JSON.parse(start === 'v4' ? text.slice(0, -64) : text).jti;
  } catch {
    return undefined;
  }
}
