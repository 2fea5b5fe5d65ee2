// What this browser asked for. An open challenge is kept until a success or its end, so that asking again sends the same
// code again, and the landing page of a link knows whom it serves.

import { forget, keep, kept } from './storage.js';

const OPEN = 'countersign.recipient';
const PAUSES = 'countersign.pauses';
const TAB = 'countersign.challenge';
const MOST = 8;

/**
 * The open challenges, the newest first, as the client has them (`Challenge` of countersign.d.ts); times are seconds. Each
 * knows where its login leads (`returnTo`), too.
 */
export function asked() {
  return list('localStorage', OPEN, 'expiresAt');
}

/** The open challenge of a recipient. */
export function askedFor(recipient) {
  return asked().find((one) => isSame(one, recipient));
}

/** Keeps a challenge in place of an older one of its recipient. */
export function remember(challenge) {
  write('localStorage', OPEN, [challenge, ...asked().filter((one) => !isSame(one, challenge))]);
}

/** Forgets the challenges that a test picks: they were used, or have ended. This tab still knows of their pause. */
export function forgetAsked(picks) {
  const all = asked();
  const ended = all.filter(picks).map(({ channel, field, recipient, resendAt }) => ({ channel, field, recipient, resendAt }));
  write('sessionStorage', PAUSES, [...ended, ...pauses()]);
  write('localStorage', OPEN, all.filter((one) => !picks(one)));
}

/** Until when (s) nothing more should be asked for a recipient, for this browser did a moment ago; else 0. */
export function pausedUntil(recipient) {
  const last = [...asked(), ...pauses()].find((one) => isSame(one, recipient));
  return last?.resendAt > now() ? last.resendAt : 0;
}

/** The challenge that this tab is at, for when it is loaded again. */
export function tabIsAt(challenge) {
  if (!challenge) return forget('sessionStorage', TAB);
  const { channel, field, recipient } = challenge;
  keep('sessionStorage', TAB, { channel, field, recipient });
}

/** The challenge that this tab was at, if it is still open. */
export function tabWasAt() {
  const at = kept('sessionStorage', TAB);
  return at ? askedFor(at) : undefined;
}

/** Whether both are one recipient, as far as a browser can tell; where it can't, a new code is asked for. */
export function isSame(one, other) {
  return one.field === other.field && canonical(one) === canonical(other);
}

/** Whether a masked address ("a…@example.com") can be that of a challenge. */
export function fits(masked, challenge) {
  const [start, domain] = canonical(challenge).split('@');
  const hostname = URL.parse?.(`//${domain}`, location.href)?.hostname;
  return challenge.channel === 'email' && masked[0] === start[0] && [domain, hostname].includes(masked.split('@')[1]);
}

function canonical({ channel, recipient }) {
  const text = recipient.normalize('NFKC');
  if (channel === 'mobile') return text.replace(/[^+\d]/g, '');
  return text.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function pauses() {
  return list('sessionStorage', PAUSES, 'resendAt');
}

function list(kind, key, until) {
  const all = kept(kind, key);
  return Array.isArray(all) ? all.filter((one) => one.field && one[until] > now()) : [];
}

/** Seconds since 1970. */
function now() {
  return Date.now() / 1000;
}

function write(kind, key, all) {
  if (all.length > 0) keep(kind, key, all.slice(0, MOST));
  else forget(kind, key);
}

// What has ended while nobody looked doesn't stay.
forgetAsked(() => false);
