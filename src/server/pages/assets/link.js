// The landing page of a link. Loading it spends nothing, scripts included: only the click does.

import { explain, fieldError, isOver, post } from './api.js';
import { asked, askedFor, fits, forgetAsked, isSame } from './asked.js';
import { takeCodes } from './code-field.js';
import { linksAreBound, sealedIn, tokenOf } from './link-token.js';
import { showSession } from './session.js';
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
    if (history.state?.signedIn) return end('You have signed in with this link, and then loaded the page again. To sign in once more, get a new code.');
    return askForCode('This link has lost its last part on its way to you.');
  }
  if (!linksAreBound && !sealedIn(token)) return askForCode('This link is damaged: something has changed it on its way to you.');
  // A token in the path has been seen by servers, but it doesn't have to stay in the history too.
  if (location.pathname.includes('%')) history.replaceState(null, '', `${base}/link#${encodeURIComponent(token)}`);
  askToConfirm();
  await look();
  confirmForm.hidden = false;
}

/** Asks what became of the challenge. Where that can't be told, the click will. */
async function look() {
  const looked = token;
  if (linksAreBound && !challenge) return;
  const what = linksAreBound ? { [challenge.name]: challenge.recipient, challenge: challenge.envelope } : { token };
  const answer = await post('status/', what, AbortSignal.timeout?.(4000));
  if (token !== looked || confirm.hidden) return;
  if (answer.ok) return tell(answer.body);
  if (isOver(answer) || (isWrong(answer) && !linksAreBound)) refuse(answer);
}

function tell({ state, recipient: masked }) {
  if (state === 'spent') return end('This link has been used already. To sign in again, get a new code.');
  if (state === 'expired') return end('This link has expired. Get a new code.');
  account = masked;
  element('account').querySelector('strong').textContent = masked;
  element('account').hidden = false;
  element('unasked').hidden = byEmail().some((one) => fits(masked, one));
}

// ── By one click ─────────────────────────────────────────────────────────────────────────────────────────────────────

confirmForm.addEventListener('submit', (event) => {
  event.preventDefault();
  if (!linksAreBound) return work(follow);
  if (recipient.value.trim() === '') return complain('Enter the address that the link was sent to.', recipient);
  return work(followBound);
});

async function follow() {
  const answer = await post('exchange/', { token });
  if (answer.ok) return signedIn(answer.body, (one) => account !== null && fits(account, one));
  return refuse(answer);
}

/** A bound link holds a long code, which takes the address and the envelope that this browser has. */
async function followBound() {
  const whose = emailOf(recipient);
  const { envelope } = askedFor(whose) ?? {};
  const answer = await post('exchange/email/', { [whose.name]: whose.recipient, token, challenge: envelope });
  if (answer.ok) return signedIn(answer.body, (one) => isSame(one, whose));
  if (answer.body.errors?.challenge) return end('This link works only in the browser that asked for it. Open it there, or get a new code.');
  const wrong = fieldError(answer, whose.name) ?? (isWrong(answer) && 'This link and this address don’t belong together.');
  if (!wrong) return refuse(answer);
  element('ask-recipient').hidden = false;
  return complain(wrong, recipient);
}

function refuse(answer) {
  const words = explain(answer, 'link');
  if (isOver(answer)) return end(words);
  if (isWrong(answer)) return askForCode(words);
  return complain(words, confirmForm.querySelector('button'));
}

function isWrong({ code: reason }) {
  return reason === 'invalid_credentials';
}

// ── By the code of the same message ──────────────────────────────────────────────────────────────────────────────────

const prepare = takeCodes({ form: codeForm, field: code, format: () => challenge ?? {}, isReady: isAddressed, exchange });

function isAddressed() {
  const isMissing = !challenge && address.value.trim() === '';
  if (isMissing) complain('Enter the address that the message was sent to.', address);
  return !isMissing;
}

async function exchange(typed) {
  const whose = challenge ?? emailOf(address);
  const answer = await post('exchange/email/', { [whose.name]: whose.recipient, token: typed, challenge: challenge?.envelope });
  if (answer.ok) return signedIn(answer.body, (one) => isSame(one, whose));
  const wrong = fieldError(answer, whose.name);
  if (wrong) return complain(wrong, address);
  if (isOver(answer)) return end(explain(answer, 'code'));
  complain(explain(answer, 'code'), code);
  return answer.code === 'invalid_credentials';
}

// ── What is shown ────────────────────────────────────────────────────────────────────────────────────────────────────

function askToConfirm() {
  for (const id of ['account', 'unasked']) element(id).hidden = true;
  confirmForm.hidden = true;
  recipient.value = challenge?.recipient ?? '';
  element('ask-recipient').hidden = !linksAreBound || challenge !== null;
  show(confirm);
}

function askForCode(why) {
  element('why').textContent = why;
  element('here').textContent = challenge ? 'Enter it here.' : 'Enter it where you asked for it, or here if that was in this browser.';
  element('ask-address').hidden = challenge !== null;
  element('sent-to').hidden = challenge === null;
  element('sent-to').querySelector('strong').textContent = challenge?.recipient.trim() ?? '';
  prepare();
  show(byCode);
  (challenge ? code : address).focus();
}

/** Nothing comes of this link any more. */
function end(words) {
  show(ended);
  complain(words, ended.querySelector('a'));
}

/** What is used leaves the history and the storage. */
function signedIn(tokens, isUsed) {
  history.replaceState({ signedIn: true }, '', `${base}/link`);
  forgetAsked(isUsed);
  showSession(tokens);
}

function emailOf({ name, value }) {
  return { channel: 'email', name, recipient: value };
}

function byEmail() {
  return asked().filter(({ channel }) => channel === 'email');
}

window.addEventListener('hashchange', arrive);
arrive();
