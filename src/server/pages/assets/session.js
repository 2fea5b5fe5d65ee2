// What a signed-in person sees: where to go on and how to sign out, or, without sessions, the access token's claims.

import { auth, idOf, keepsSessions, outcome } from './client.js';
import { explain } from './explain.js';
import { moment, named, text } from './texts.js';
import { complain, show, work } from './view.js';

const element = (id) => document.getElementById(id);
const section = element('signed-in');
const goOn = element('go-on');
// Who is led nowhere goes to the site's first page, which may be another program's.
if (goOn && !goOn.hasAttribute('href')) goOn.href = '/';

/** Shows the heading "Signed in", and goes where the login leads (`returnTo`), if anywhere. */
export async function showSignedIn(session) {
  if (keepsSessions) welcome(session);
  else await showClaims();
  section.querySelector('h1').textContent = text('signed_in');
  show(section);
  section.querySelector('h1').focus();
  // Whoever goes back comes to where they were before, not to a login that is over.
  if (keepsSessions && session.returnTo) location.replace(session.returnTo);
}

/**
 * Hears what other tabs of this browser do. A login counts for this tab where it is that of its own challenge, whose id is the
 * session's; where the token is encrypted, nobody but the engine knows whose it is, and says whether the challenge is spent.
 */
export function hearLogins({ challenge, isSpent, signedIn, signedOut }) {
  auth.onChange(async (session) => {
    if (!session) return signedOut();
    const mine = challenge();
    if (!mine?.envelope) return undefined;
    const isMine = session.sid ? session.sid.split('.')[0] === idOf(mine.envelope) : await isSpent(mine);
    return isMine && signedIn(session);
  });
}

/** Signs out where somebody asks for it, and calls back. */
export function offerToLeave(left) {
  element('leave')?.addEventListener('submit', (event) => {
    event.preventDefault();
    work(async () => {
      const answer = await outcome(auth.logout());
      // What can't be recorded is over in this browser all the same.
      if (answer.error && (await outcome(auth.session())).value !== null) return complain(explain(answer, 'code'));
      return left();
    });
  });
}

function welcome({ recipient = '', returnTo }) {
  element('who').textContent = recipient;
  if (!returnTo) return;
  goOn.href = returnTo;
  element('who').textContent = text('on_the_way', { host: named(returnTo) });
}

async function showClaims() {
  const { value: access } = await outcome(auth.accessToken());
  const claims = access ? claimsOf(access) : null;
  element('opaque').hidden = claims !== null;
  element('claims').replaceChildren(...Object.entries(claims ?? {}).flatMap(row));
  element('access').textContent = access;
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
