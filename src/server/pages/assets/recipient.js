// With browser-bound links, the address that a link was asked for stays in this browser until it is used or has expired.

import { forget, keep, kept } from './storage.js';

const KEY = 'countersign.recipient';

/** Whether a link is good only in the browser that asked for it. */
export const linksAreBound = document.documentElement.dataset.linkBinding === 'browser';

/** Keeps an e-mail address for the landing page, if links need it. */
export function keepRecipient(recipient, expiresAt) {
  if (linksAreBound) keep('localStorage', KEY, { recipient, expiresAt });
}

/** The address that was kept, or null. */
export function keptRecipient() {
  return kept('localStorage', KEY)?.recipient ?? null;
}

/** After a success, or when the challenge has ended. */
export function forgetRecipient() {
  forget('localStorage', KEY);
}
