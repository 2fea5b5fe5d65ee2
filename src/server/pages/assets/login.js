// The login page: an address, a code, signed in.

import { isOver, isWrong, post, refuses } from './api.js';
import { askedFor, fits, forgetAsked, isSame, pausedUntil, remember, tabIsAt, tabWasAt } from './asked.js';
import { takeCodes } from './code-field.js';
import { explain, explainRecipient } from './explain.js';
import { restoreTyped } from './language.js';
import { solve } from './puzzle.js';
import { showSession } from './session.js';
import { hearTabs, tellTabs } from './tabs.js';
import { language, later, tell, text } from './texts.js';
import { alertAt, clear, complain, isBusy, say, show, work } from './view.js';
import { startWaiting, stopWaiting } from './waiting.js';
import { watch } from './watch.js';

const element = (id) => document.getElementById(id);
const [ask, enter, elsewhere] = [element('ask'), element('enter'), element('elsewhere')];
const [askForm, enterForm] = [ask.querySelector('form'), enter.querySelector('form')];
const fields = [...askForm.querySelectorAll('input')];
const [code, againButton] = [element('code'), element('again')];

/** How long (ms) another tab has to say that it was the one that redeemed the challenge. */
const GRACE = 1000;
/** How long (ms) nobody asks again what the engine didn't want to say. */
const REFUSED_FOR = 30_000;

/** The challenge that this page is at, as asked.js keeps it. Without an envelope, the cookie's counts. */
let challenge = null;
/** No code opens it any more. */
let over = false;
/** There are tokens: what is still under way comes too late. */
let done = false;
/** When an address may be tried again (ms) whose challenge this page doesn't have. */
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
  if (field) showEnter({ ...typedIn(field), waitUntil: toldToWait });
});

function filled() {
  const field = fields.find(({ value }) => value.trim() !== '');
  if (!field) complain(text(`enter_${fields[0].dataset.channel}_first`), fields[0]);
  return field;
}

/** What was typed, untouched: the engine judges it. */
function typedIn({ dataset: { channel }, name, value: recipient }) {
  return { channel, name, recipient };
}

/** Sends the open challenge's code again: another challenge would make the code of the first message worthless. */
async function getCode(recipient, field) {
  const known = askedFor(recipient);
  const pause = pausedUntil(recipient);
  if (pause && known) {
    showEnter(known);
    return say(text('sent_before'));
  }
  if (pause) return complain(text('sent_before_wait', { time: later(secondsTo(pause)) }), field);
  if (!known) return request(recipient, field);
  const answer = await resend(known);
  if (answer.ok) return;
  if (isOver(answer) || isForeign(answer)) {
    forgetAsked((one) => isSame(one, known));
    return request(recipient, field);
  }
  if (answer.code !== 'throttled') return complain(explain(answer, 'code'), field);
  showEnter(known);
  complain(explain(answer, 'code'), code);
}

async function request(recipient, field) {
  const answer = await send(`request/${recipient.channel}/`, { [recipient.name]: recipient.recipient });
  if (answer.ok) return begin(recipient, answer.body);
  if (answer.code === 'throttled') {
    toldToWait = Date.now() + 1000 * answer.retryAfter;
    if (field) element('have-code').hidden = false;
    else wait(recipient, toldToWait);
  }
  const isRefused = refuses(answer, recipient.name);
  complain(isRefused ? explainRecipient(recipient.channel) : explain(answer, 'code'), field ?? againButton);
}

async function resend(from) {
  const answer = await send('resend/', { [from.name]: from.recipient, challenge: from.envelope });
  if (answer.ok) {
    begin(from, answer.body);
    say(text('sent_again'));
  }
  if (answer.code === 'throttled') {
    wait(from, Date.now() + 1000 * answer.retryAfter);
    if (from.envelope) remember(from);
  }
  return answer;
}

function wait(from, until) {
  from.waitUntil = until;
  tick();
}

/** Sends, and solves the puzzle first where one is set. The message comes in the language of the page. */
async function send(path, fields) {
  const body = { ...fields, locale: language };
  let answer = await post(path, body);
  for (let round = 0; answer.code === 'throttled' && answer.body.puzzle && round < 3; round += 1) {
    say(text('solving'));
    const puzzle = await solve(answer.body.puzzle);
    if (puzzle === null) break;
    answer = await post(path, { ...body, puzzle });
  }
  say('');
  return answer;
}

function begin({ channel, name, recipient }, { challenge: envelope, expires_in, resend_after, code_length, code_charset }) {
  const [expiresAt, waitUntil] = [expires_in, resend_after].map((seconds) => Date.now() + 1000 * seconds);
  const begun = { channel, name, recipient, envelope, expiresAt, waitUntil, length: code_length, charset: code_charset };
  remember(begun);
  showEnter(begun);
}

/** Whether the engine doesn't know this envelope as this recipient's. */
function isForeign(answer) {
  return isWrong(answer) || Boolean(answer.body.errors?.challenge);
}

// ── Step 2: the code ─────────────────────────────────────────────────────────────────────────────────────────────────

const prepare = takeCodes({ form: enterForm, field: code, format: () => challenge, exchange });

againButton.addEventListener('click', () => {
  if (secondsTo(challenge.waitUntil) === 0) work(again);
});
element('change').addEventListener('click', showAsk);
element('here-too').addEventListener('click', showAsk);

async function exchange(token) {
  const { channel, name, recipient, envelope } = challenge;
  const answer = await post(`exchange/${channel}/`, { [name]: recipient, token, challenge: envelope });
  if (done) return false;
  if (answer.ok) {
    if (envelope) tellTabs({ envelope }, answer.body);
    return signedIn(answer.body);
  }
  const words = refuses(answer, name) ? explainRecipient(channel) : explain(answer, 'code');
  if (isOver(answer) || answer.body.errors?.challenge) return end(words);
  complain(words, code);
  return isWrong(answer);
}

async function again() {
  if (over) return request(challenge);
  const answer = await resend(challenge);
  if (answer.ok) return;
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
  if (!answer.ok) return isOver(answer) ? end(explain(answer, 'code')) : Math.max(REFUSED_FOR, 1000 * answer.retryAfter);
  if (answer.body.state === 'expired') end(text('code_expired'));
  if (answer.body.state === 'spent') setTimeout(() => isStill() && showElsewhere(), GRACE);
  return 0;
}

function stateOf({ name, recipient, envelope }) {
  return post('status/', { [name]: recipient, challenge: envelope });
}

/** In this browser, and so by who sits here: this tab goes on signed in, too. */
hearTabs(async (whose, tokens) => {
  if (await isMine(whose)) signedIn(tokens);
});

async function isMine({ envelope, account }) {
  const mine = challenge;
  if (done || !mine?.envelope || (enter.hidden && elsewhere.hidden)) return false;
  if (envelope) return envelope === mine.envelope;
  // A masked account can be several people's: only what became of this very challenge tells.
  if (!account || !fits(account, mine)) return false;
  const { ok, body } = await stateOf(mine);
  return ok && body.state === 'spent' && challenge === mine && !done;
}

// ── Step 3 ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function signedIn(tokens) {
  done = true;
  forgetAsked((one) => isSame(one, challenge));
  tabIsAt(null);
  stopWaiting();
  showSession(tokens);
}

// ── What is shown ────────────────────────────────────────────────────────────────────────────────────────────────────

function showAsk() {
  show(ask);
  tabIsAt(null);
  stopWaiting();
  element('have-code').hidden = true;
  const field = fields.find(({ name }) => name === challenge?.name) ?? fields[0];
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
  if (!over && challenge.expiresAt <= Date.now()) return end(text('code_expired'));
  const seconds = secondsTo(challenge.waitUntil);
  const label = over ? 'new_code' : 'again';
  againButton.textContent = seconds > 0 ? text(`${label}_in`, { n: seconds }) : text(label);
  againButton.setAttribute('aria-disabled', String(seconds > 0));
}
setInterval(tick, 1000);

/** Whole seconds from now, at least 0. */
function secondsTo(time = 0) {
  return Math.max(0, Math.ceil((time - Date.now()) / 1000));
}

// A phone may drop this tab while its owner reads the message, and load it again afterwards.
const [navigation] = performance.getEntriesByType('navigation');
const before = tabWasAt();
if (before && (document.wasDiscarded || navigation?.type !== 'navigate')) showEnter(before);
restoreTyped();
watch(look);
