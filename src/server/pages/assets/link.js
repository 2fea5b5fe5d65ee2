// The landing page of a link. Loading it spends nothing, scripts included: only the click does.

import { asked, askedFor, fits, forgetAsked, isSame } from './asked.js';
import { auth, idOf, isOver, isWrong, outcome, refuses, signIn } from './client.js';
import { takeCodes } from './code-field.js';
import { explain, explainRecipient } from './explain.js';
import { restoreTyped } from './language.js';
import { linksAreBound, sealedIn, tokenOf } from './link-token.js';
import { offerToLeave, showSignedIn } from './session.js';
import { tell, text } from './texts.js';
import { complain, show, work } from './view.js';

const element = (id) => document.getElementById(id);
const [confirm, byCode, ended] = [element('confirm'), element('by-code'), element('ended')];
const [confirmForm, codeForm] = [confirm.querySelector('form'), byCode.querySelector('form')];
const [recipient, address, code] = [element('recipient'), element('address'), element('code')];
const { base } = document.documentElement.dataset;

/** The link's token, or with bound links a long code. */
let token = '';
/** The masked address that the link was sent to. */
let account = null;
/** The open challenge that this browser asked for and the code is of, if there is one. */
let challenge = null;

// ── Arriving ─────────────────────────────────────────────────────────────────────────────────────────────────────────

async function arrive() {
  [token, account, challenge] = [tokenOf(location), null, byEmail()[0] ?? null];
  if (!token) {
    if (history.state?.signedIn) return end(text('link_reloaded'));
    return askForCode(text('link_lost_its_end'));
  }
  if (!linksAreBound && !sealedIn(token)) return askForCode(text('link_damaged'));
  // A token in the path has been seen by servers, but it doesn't have to stay in the history too.
  if (location.pathname.includes('%')) history.replaceState(null, '', `${base}/link#${encodeURIComponent(token)}`);
  askToConfirm();
  await look();
  confirmForm.hidden = false;
}

/** Asks what became of the challenge. Where that can't be told, the click will. */
async function look() {
  const looked = token;
  if (linksAreBound && byEmail().length !== 1) return;
  if (linksAreBound) auth.challenge = challenge;
  const answer = await outcome(auth.status({ token: linksAreBound ? undefined : token, signal: AbortSignal.timeout?.(4000) }));
  if (token !== looked || confirm.hidden) return;
  if (!answer.error) return heed(answer.value);
  if (isOver(answer) || (isWrong(answer) && !linksAreBound)) refuse(answer);
}

function heed({ state, recipient: masked }) {
  if (state === 'spent') return end(text('link_spent'));
  if (state === 'expired') return end(text('link_expired'));
  account = masked;
  const isAsked = byEmail().some((one) => fits(masked, one));
  // Who didn't ask here confirms whose account it is.
  tell(isAsked ? element('account') : element('follow'), isAsked ? 'as_recipient' : 'sign_in_as', masked);
  element('account').hidden = !isAsked;
  element('unasked').hidden = isAsked;
}

// ── By one click ─────────────────────────────────────────────────────────────────────────────────────────────────────

confirmForm.addEventListener('submit', (event) => {
  event.preventDefault();
  if (!linksAreBound) return work(follow);
  const isMissing = !element('ask-recipient').hidden && recipient.value.trim() === '';
  if (isMissing) return complain(text('enter_link_recipient'), recipient);
  return work(followBound);
});

async function follow() {
  const { returnTo } = byEmail().find((one) => account !== null && fits(account, one)) ?? {};
  const answer = await signIn((options) => auth.exchangeLink(token, options), returnTo);
  if (answer.error) return refuse(answer);
  const { sid } = answer.value;
  forgetAsked((one) => (sid ? sid.split('.')[0] === idOf(one.envelope) : account !== null && fits(account, one)));
  return signedIn(answer.value);
}

/**
 * A bound link holds a long code, which takes the address and the envelope that this browser has. It doesn't say whose it
 * is; each open challenge is tried, for a long code that is another's costs no attempt.
 */
async function followBound() {
  const typed = element('ask-recipient').hidden ? [] : [emailOf(recipient)];
  for (const whose of typed.length > 0 ? typed : byEmail()) {
    const answer = await redeem(askedFor(whose) ?? whose, token);
    if (!answer.error) return signedInAs(whose, answer.value);
    if (refuses(answer, 'challenge')) return end(text('link_bound_elsewhere'));
    if (refuses(answer, whose.field)) return complain(explainRecipient('email'), recipient);
    if (!isWrong(answer)) return refuse(answer);
  }
  element('ask-recipient').hidden = false;
  return complain(text('link_and_address'), recipient);
}

function refuse(answer) {
  const words = explain(answer, 'link');
  if (isOver(answer)) return end(words);
  if (isWrong(answer)) return askForCode(words);
  return complain(words, confirmForm.querySelector('button'));
}

// ── By the code of the same message ──────────────────────────────────────────────────────────────────────────────────

const prepare = takeCodes({ form: codeForm, field: code, challenge: () => challenge, isReady: isAddressed, exchange });

/** Exchanges a code, for somebody whose challenge this browser has, or whose envelope a cookie holds. */
function redeem(whose, typed) {
  auth.challenge = whose;
  return signIn((options) => auth.exchange(typed, options), whose.returnTo);
}

function isAddressed() {
  const isMissing = !challenge && address.value.trim() === '';
  if (isMissing) complain(text('enter_message_recipient'), address);
  return !isMissing;
}

async function exchange(typed) {
  const whose = challenge ?? emailOf(address);
  const answer = await redeem(whose, typed);
  if (!answer.error) return signedInAs(whose, answer.value);
  if (refuses(answer, whose.field)) return complain(explainRecipient('email'), address);
  if (isOver(answer)) return end(explain(answer, 'code'));
  complain(explain(answer, 'code'), code);
  return isWrong(answer);
}

// ── What is shown ────────────────────────────────────────────────────────────────────────────────────────────────────

function askToConfirm() {
  const isForeign = linksAreBound && challenge === null;
  element('account').hidden = true;
  element('account').textContent = '';
  element('unasked').hidden = !isForeign;
  element('follow').textContent = text('sign_in');
  confirmForm.hidden = true;
  recipient.value = challenge?.recipient ?? '';
  element('ask-recipient').hidden = !isForeign;
  show(confirm);
}

function askForCode(why) {
  element('why').textContent = why;
  element('here').textContent = text(challenge ? 'code_goes_here' : 'code_goes_there');
  element('ask-address').hidden = challenge !== null;
  element('sent-to').hidden = challenge === null;
  if (challenge) tell(element('sent-to'), 'sent_to', challenge.recipient);
  prepare();
  show(byCode);
  (challenge ? code : address).focus();
}

/** Nothing comes of this link any more. */
function end(words) {
  show(ended);
  complain(words, ended.querySelector('a'));
}

/** What is used leaves the history and the storage; the tab that waits for it hears of it from the client. */
function signedInAs(whose, session) {
  forgetAsked((one) => isSame(one, whose));
  return signedIn(session);
}

function signedIn(session) {
  history.replaceState({ signedIn: true }, '', `${base}/link`);
  return showSignedIn(session);
}

function emailOf({ name: field, value: recipient }) {
  return { channel: 'email', field, recipient };
}

function byEmail() {
  return asked().filter(({ channel }) => channel === 'email');
}

window.addEventListener('hashchange', arrive);
offerToLeave(() => location.replace(`${base}/login`));
await arrive();
restoreTyped();
