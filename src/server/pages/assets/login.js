// The login page: an address, a code, signed in.

import { explain, fieldError, isOver, later, post } from './api.js';
import { askedFor, forgetAsked, isSame, pausedUntil, remember, tabIsAt, tabWasAt } from './asked.js';
import { takeCodes } from './code-field.js';
import { solve } from './puzzle.js';
import { showSession } from './session.js';
import { clear, complain, isBusy, say, show, work } from './view.js';

const element = (id) => document.getElementById(id);
const [ask, enter] = [element('ask'), element('enter')];
const [askForm, enterForm] = [ask.querySelector('form'), enter.querySelector('form')];
const fields = [...askForm.querySelectorAll('input')];
const [code, againButton] = [element('code'), element('again')];

/** The challenge that this page is at, as asked.js keeps it. Without an envelope, the cookie's counts. */
let challenge = null;
/** Nothing opens it any more. */
let over = false;
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
  if (!field) complain('Enter your address first.', fields[0]);
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
    return say('A code was sent there a moment ago.');
  }
  if (pause) return complain(`A code was sent there a moment ago. Try again ${later(secondsTo(pause))}.`, field);
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
  complain(fieldError(answer, recipient.name) ?? explain(answer, 'code'), field ?? againButton);
}

async function resend(from) {
  const answer = await send('resend/', { [from.name]: from.recipient, challenge: from.envelope });
  if (answer.ok) {
    begin(from, answer.body);
    say('The code was sent again.');
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

/** Sends, and solves the puzzle first where one is set. */
async function send(path, body) {
  let answer = await post(path, body);
  for (let round = 0; answer.code === 'throttled' && answer.body.puzzle && round < 3; round += 1) {
    say('Many codes were asked for this address. Your browser is doing some work to have yours sent…');
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
function isForeign({ code: reason, body }) {
  return reason === 'invalid_credentials' || Boolean(body.errors?.challenge);
}

// ── Step 2: the code ─────────────────────────────────────────────────────────────────────────────────────────────────

const prepare = takeCodes({ form: enterForm, field: code, format: () => challenge, exchange });

againButton.addEventListener('click', () => {
  if (secondsTo(challenge.waitUntil) === 0) work(again);
});
element('change').addEventListener('click', showAsk);

async function exchange(token) {
  const { channel, name, recipient, envelope } = challenge;
  const answer = await post(`exchange/${channel}/`, { [name]: recipient, token, challenge: envelope });
  if (answer.ok) return signedIn(answer.body);
  const words = fieldError(answer, name) ?? explain(answer, 'code');
  if (isOver(answer) || answer.body.errors?.challenge) return end(words);
  complain(words, code);
  return answer.code === 'invalid_credentials';
}

async function again() {
  if (over) return request(challenge);
  const answer = await resend(challenge);
  if (answer.ok) return;
  const words = explain(answer, 'code');
  if (isOver(answer) || isForeign(answer)) return end(words);
  complain(words, againButton);
}

/** Nothing opens this challenge any more: what is left is to ask for a new code. */
function end(words) {
  over = true;
  forgetAsked((one) => isSame(one, challenge));
  tabIsAt(null);
  enterForm.hidden = true;
  againButton.className = 'main';
  tick();
  complain(words, againButton);
}

/** Somewhere else, perhaps in another tab, the challenge may have been used by its link. */
async function look() {
  const looked = challenge;
  if (enter.hidden || over || isBusy() || !looked.envelope) return;
  const { ok, body } = await post('status/', { [looked.name]: looked.recipient, challenge: looked.envelope });
  if (!ok || enter.hidden || over || isBusy() || challenge !== looked) return;
  if (body.state === 'spent') end('This code, or the link in its message, has been used already. To sign in here, get a new code.');
  if (body.state === 'expired') end('This code has expired. Get a new one.');
}

document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') look();
});

// ── Step 3 ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function signedIn(tokens) {
  forgetAsked((one) => isSame(one, challenge));
  tabIsAt(null);
  showSession(tokens);
}

// ── What is shown ────────────────────────────────────────────────────────────────────────────────────────────────────

function showAsk() {
  show(ask);
  tabIsAt(null);
  element('have-code').hidden = true;
  const field = fields.find(({ name }) => name === challenge?.name) ?? fields[0];
  field.value ||= challenge?.recipient ?? '';
  field.focus();
  field.select();
}

function showEnter(next) {
  challenge = next;
  over = false;
  tabIsAt(challenge);
  prepare();
  element('recipient').textContent = challenge.recipient.trim();
  enterForm.hidden = false;
  againButton.className = 'quiet';
  show(enter);
  tick();
  code.focus();
}

/** The countdown of the button, and the end of the challenge. */
function tick() {
  if (enter.hidden) return;
  if (!over && challenge.expiresAt <= Date.now()) return end('This code has expired. Get a new one.');
  const seconds = secondsTo(challenge.waitUntil);
  const label = over ? 'Get a new code' : 'Send again';
  againButton.textContent = seconds > 0 ? `${label} in ${seconds} s` : label;
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
if (before && (document.wasDiscarded || navigation?.type !== 'navigate')) {
  showEnter(before);
  look();
}
