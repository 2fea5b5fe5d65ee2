// The login page: an address, a code, signed in.

import { askedFor, forgetAsked, isSame, pausedUntil, remember, tabIsAt, tabWasAt } from './asked.js';
import { auth, canKeep, isOver, isWrong, keepsSessions, outcome, refuses, signIn } from './client.js';
import { takeCodes } from './code-field.js';
import { explain, explainRecipient } from './explain.js';
import { restoreTyped } from './language.js';
import { hearLogins, offerToLeave, showSignedIn } from './session.js';
import { language, later, named, tell, text } from './texts.js';
import { alertAt, clear, complain, isBusy, say, show, work } from './view.js';
import { startWaiting, stopWaiting } from './waiting.js';
import { watch } from './watch.js';

const element = (id) => document.getElementById(id);
const [ask, enter, elsewhere] = [element('ask'), element('enter'), element('elsewhere')];
const [askForm, enterForm] = [ask.querySelector('form'), enter.querySelector('form')];
const fields = [...askForm.querySelectorAll('input')];
const [code, againButton] = [element('code'), element('again')];
/** Where the login leads, as the server has judged it. */
const { returnTo } = document.documentElement.dataset;

/** How long (ms) another tab has to say that it was the one that redeemed the challenge. */
const GRACE = 1000;
/** How long (ms) nobody asks again what the engine didn't want to say. */
const REFUSED_FOR = 30_000;

/** The challenge that this page is at, as asked.js keeps it. Without an envelope, the cookie's counts. */
let challenge = null;
/** No code opens it any more. */
let over = false;
/** A code is being redeemed here: what other tabs hear of it is no news. */
let exchanging = false;
/** Somebody is signed in: what is still under way comes too late. */
let done = false;
/** When (s) an address may be tried again whose challenge this page doesn't have. */
let toldToWait = 0;

// ── Step 1: the address ──────────────────────────────────────────────────────────────────────────────────────────────

askForm.addEventListener('submit', (event) => {
  event.preventDefault();
  const field = filled();
  if (field) work(() => getCode(typedIn(field), field));
});

// One address at a time: what is typed last counts.
for (const field of fields) {
  field.addEventListener('input', () => {
    for (const other of fields) if (other !== field) other.value = '';
    clear();
    element('have-code').hidden = true;
  });
}

// A code was sent a moment ago by something else than this page: the cookie may hold its envelope.
element('have-code').addEventListener('click', () => {
  const field = filled();
  if (field) showEnter({ ...typedIn(field), resendAt: toldToWait });
});

function filled() {
  const field = fields.find(({ value }) => value.trim() !== '');
  if (!field) complain(text(`enter_${fields[0].dataset.channel}_first`), fields[0]);
  return field;
}

/** What was typed, untouched: the engine judges it. */
function typedIn({ dataset: { channel }, name: field, value: recipient }) {
  return { channel, field, recipient };
}

/** Sends the open challenge's code again: another challenge would make the code of the first message worthless. */
async function getCode(recipient, field) {
  // A code that can't be used isn't asked for.
  if (!canKeep) return complain(text('needs_cookies'), field);
  const known = askedFor(recipient);
  const pause = pausedUntil(recipient);
  if (pause && known) {
    showEnter(known);
    return say(text('sent_before'));
  }
  if (pause) return complain(text('sent_before_wait', { time: later(secondsTo(pause)) }), field);
  if (!known) return request(recipient, field);
  const answer = await resend(known);
  if (!answer.error) return;
  if (isOver(answer) || isForeign(answer)) {
    forgetAsked((one) => isSame(one, known));
    return request(recipient, field);
  }
  if (answer.error.code !== 'throttled') return complain(explain(answer, 'code'), field);
  showEnter(known);
  complain(explain(answer, 'code'), code);
}

async function request({ channel, field: name, recipient }, field) {
  const about = { channel, field: name, recipient };
  const answer = await sent(auth.request({ [name]: recipient }, { channel, ...manner }));
  if (!answer.error) return begin();
  if (answer.error.code === 'throttled') {
    toldToWait = inSeconds(answer.error.retryAfter);
    if (field) element('have-code').hidden = false;
    else wait(about, toldToWait);
  }
  complain(refuses(answer, name) ? explainRecipient(channel) : explain(answer, 'code'), field ?? againButton);
}

async function resend(from) {
  auth.challenge = from;
  const answer = await sent(auth.resend(manner));
  if (!answer.error) {
    begin();
    say(text('sent_again'));
  } else if (answer.error.code === 'throttled') {
    wait(from, inSeconds(answer.error.retryAfter));
    if (from.envelope) remember(from);
  }
  return answer;
}

function wait(from, until) {
  from.resendAt = until;
  if (challenge && isSame(challenge, from)) challenge.resendAt = until;
  tick();
}

/** The message comes in the language of the page. The client solves the puzzle where one is set. */
const manner = { locale: language, onPuzzle: () => say(text('solving')) };

async function sent(call) {
  const answer = await outcome(call);
  say('');
  return answer;
}

function begin() {
  const begun = { ...auth.challenge, returnTo };
  remember(begun);
  showEnter(begun);
}

/** Whether the engine doesn't know this envelope as this recipient's. */
function isForeign(answer) {
  return isWrong(answer) || refuses(answer, 'challenge');
}

// ── Step 2: the code ─────────────────────────────────────────────────────────────────────────────────────────────────

const prepare = takeCodes({ form: enterForm, field: code, challenge: () => challenge, exchange });

againButton.addEventListener('click', () => {
  if (secondsTo(challenge.resendAt) === 0) work(again);
});
element('change').addEventListener('click', showAsk);
element('here-too').addEventListener('click', showAsk);

async function exchange(token) {
  const { channel, field } = challenge;
  auth.challenge = challenge;
  exchanging = true;
  const answer = await signIn((options) => auth.exchange(token, options), returnTo);
  exchanging = false;
  if (!answer.error) return signedIn(answer.value);
  if (done) return false;
  const words = refuses(answer, field) ? explainRecipient(channel) : explain(answer, 'code');
  if (isOver(answer) || refuses(answer, 'challenge')) return end(words);
  complain(words, code);
  return isWrong(answer);
}

async function again() {
  if (over) return request(challenge);
  const answer = await resend(challenge);
  if (!answer.error) return;
  const words = explain(answer, 'code');
  if (isOver(answer) || isForeign(answer)) return end(words);
  complain(words, againButton);
}

/** No code opens this challenge any more: what is left is to ask for a new one. */
function end(words) {
  if (done) return;
  over = true;
  forgetAsked((one) => isSame(one, challenge));
  tabIsAt(null);
  stopWaiting();
  enterForm.hidden = true;
  alertAt(element('over'));
  againButton.className = 'main';
  tick();
  complain(words, againButton);
}

// ── Meanwhile, elsewhere ─────────────────────────────────────────────────────────────────────────────────────────────

/** Somewhere else the challenge may have been redeemed by its link. */
async function look() {
  const looked = challenge;
  const isStill = () => challenge === looked && !enter.hidden && !over && !done && !isBusy();
  if (!looked?.envelope || !isStill()) return 0;
  const answer = await stateOf(looked);
  if (!isStill()) return 0;
  if (answer.error) {
    return isOver(answer) ? end(explain(answer, 'code')) : Math.max(REFUSED_FOR, 1000 * (answer.error.retryAfter ?? 0));
  }
  if (answer.value.state === 'expired') end(text('code_expired'));
  if (answer.value.state === 'spent') setTimeout(() => isStill() && showElsewhere(), GRACE);
  return 0;
}

function stateOf(looked) {
  auth.challenge = looked;
  return outcome(auth.status());
}

/** In this browser, and so by who sits here: this tab goes on signed in, too. */
hearLogins({
  challenge: () => (done || exchanging || (enter.hidden && elsewhere.hidden) ? null : challenge),
  isSpent: async (mine) => (await stateOf(mine)).value?.state === 'spent' && challenge === mine && !done,
  signedIn: (session) => signedIn({ ...session, returnTo }),
  signedOut: () => done && keepsSessions && showAsk(),
});

// ── Step 3 ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function signedIn(session) {
  if (done) return;
  done = true;
  forgetAsked((one) => isSame(one, challenge));
  tabIsAt(null);
  stopWaiting();
  showSignedIn(session);
}

offerToLeave(() => {
  showAsk();
  say(text('signed_out'));
});

// ── What is shown ────────────────────────────────────────────────────────────────────────────────────────────────────

function showAsk() {
  done = false;
  show(ask);
  tabIsAt(null);
  stopWaiting();
  element('have-code').hidden = true;
  const field = fields.find(({ name }) => name === challenge?.field) ?? fields[0];
  field.value ||= challenge?.recipient ?? '';
  field.focus();
  field.select();
}

function showEnter(next) {
  if (done) return;
  challenge = next;
  over = false;
  tabIsAt(challenge);
  prepare();
  tell(element('sent-to'), 'sent_to', challenge.recipient);
  element('change').textContent = text(challenge.channel === 'email' ? 'change_address' : 'change_number');
  enterForm.hidden = false;
  againButton.className = 'quiet';
  show(enter);
  startWaiting(challenge);
  tick();
  code.focus();
}

/** Its link or its code was used where this page can't know anything of it. */
function showElsewhere() {
  forgetAsked((one) => isSame(one, challenge));
  tabIsAt(null);
  stopWaiting();
  tell(element('used'), 'elsewhere_used', challenge.recipient);
  show(elsewhere);
  elsewhere.querySelector('h1').focus();
}

/** The countdown of the button, and the end of the challenge. */
function tick() {
  if (enter.hidden) return;
  if (!over && challenge.expiresAt <= Date.now() / 1000) return end(text('code_expired'));
  const seconds = secondsTo(challenge.resendAt);
  const label = over ? 'new_code' : 'again';
  againButton.textContent = seconds > 0 ? text(`${label}_in`, { n: seconds }) : text(label);
  againButton.setAttribute('aria-disabled', String(seconds > 0));
}
setInterval(tick, 1000);

/** Whether who was signed in still is. From then on the client hears when another tab signs out. */
async function checkSession() {
  if (!done) return;
  const { value } = await outcome(auth.session());
  if (value === null && done) showAsk();
}

// A page that a browser had put aside has heard of nothing.
window.addEventListener('pageshow', ({ persisted }) => {
  if (persisted && keepsSessions) checkSession();
});

/** Whole seconds from now, at least 0. */
function secondsTo(time = 0) {
  return Math.max(0, Math.ceil(time - Date.now() / 1000));
}

function inSeconds(seconds = 0) {
  return Date.now() / 1000 + seconds;
}

if (returnTo) {
  const going = element('going-on');
  going.textContent = text('then_to', { host: named(returnTo) });
  going.hidden = false;
}
// A phone may drop this tab while its owner reads the message, and load it again afterwards.
const [navigation] = performance.getEntriesByType('navigation');
const before = tabWasAt();
done = !element('signed-in').hidden;
checkSession();
if (before && (document.wasDiscarded || navigation?.type !== 'navigate')) showEnter(before);
restoreTyped();
watch(look);
