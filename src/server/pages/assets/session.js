// What a signed-in person sees: the access token's claims.

import { moment } from './texts.js';
import { show } from './view.js';

/** Shows the heading "Signed in" and the claims below it. */
export function showSession({ access }) {
  const claims = claimsOf(access);
  document.getElementById('opaque').hidden = claims !== null;
  document.getElementById('claims').replaceChildren(...Object.entries(claims ?? {}).flatMap(row));
  document.getElementById('access').textContent = access;
  const section = document.getElementById('signed-in');
  show(section);
  section.querySelector('h1').focus();
}

/** The claims of a JWT or a v4.public PASETO, not verified: that is for those who receive it. Null for v4.local. */
function claimsOf(token) {
  if (token.startsWith('v4.local.')) return null;
  if (token.startsWith('v4.public.')) {
    const signed = bytes(token.split('.')[2]);
    return parse(signed.subarray(0, signed.length - 64));
  }
  return parse(bytes(token.split('.')[1]));
}

function bytes(base64url) {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function parse(utf8) {
  return JSON.parse(new TextDecoder().decode(utf8));
}

function row([name, value]) {
  const term = document.createElement('dt');
  term.textContent = name;
  const detail = document.createElement('dd');
  detail.textContent = typeof value === 'string' ? value : JSON.stringify(value);
  if (['exp', 'iat', 'auth_time'].includes(name) && typeof value === 'number') {
    const note = document.createElement('span');
    note.className = 'hint';
    note.textContent = ` ${moment(value)}`;
    detail.append(note);
  }
  return [term, detail];
}
