// The login page: an address, a code, signed in.

import { explain, fieldError, isOver, post } from './api.js';
import { solve } from './puzzle.js';
import { forgetRecipient, keepRecipient, keptRecipient } from './recipient.js';
import { showSession } from './session.js';
import { forget, keep, kept } from './storage.js';

const element = (id) => document.getElementById(id);
const [ask, enter] = [element('ask'), element('enter')];
const [askForm, enterForm] = [ask.querySelector('form'), enter.querySelector('form')];
const fields = [...askForm.querySelectorAll('input')];
const code = element('code');
const alertLine = document.querySelector('[role=alert]');
const TAB = 'countersign.challenge';

/**
 * The challenge that this tab is at: channel, name and recipient (what was typed), envelope, length and charset of the
 * code, and when it expires and may be sent again (ms). The cookie carries the envelope too.
 */
let challenge = null;
let over = false;
let waitUntil = 0;
let busy = false;

// ── Step 1: the address ──────────────────────────────────────────────────────────────────────────────────────────────

askForm.addEventListener('submit', (event) => {
  event.preventDefault();
  const field = fields.find((field) => field.value.trim() !== '');
  if (!field) return complain('Enter your address first.', fields[0]);
  work(() => request({ channel: field.dataset.channel, name: field.name, recipient: field.value.trim() }, field));
});

// One address at a time: what is typed last counts.
for (const field of fields) {
  field.addEventListener('input', () => {
    for (const other of fields) if (other !== field) other.value = '';
    field.removeAttribute('aria-invalid');
    element('have-code').hidden = true;
  });
}

// A code was sent a moment ago, perhaps before this page was reloaded: the cookie still holds its envelope.
element('have-code').addEventListener('click', () => {
  const field = fields.find((field) => field.value.trim() !== '');
  if (!field) return complain('Enter your address first.', fields[0]);
  const recipient = field.value.trim();
  if (challenge?.recipient !== recipient) {
    challenge = { channel: field.dataset.channel, name: field.name, recipient };
    over = false;
  }
  showEnter();
});

async function request({ channel, name, recipient }, field) {
  const answer = await send(`request/${channel}/`, { [name]: recipient });
  if (answer.ok) {
    begin({ channel, name, recipient }, answer.body);
    return showEnter();
  }
  const complaint = fieldError(answer, name);
  if (complaint) return complain(complaint, field);
  if (answer.code === 'throttled' && field) element('have-code').hidden = false;
  if (answer.code === 'throttled') waitUntil = Date.now() + 1000 * answer.retryAfter;
  complain(explain(answer, 'code'), field);
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

function begin(from, { challenge: envelope, expires_in, resend_after, code_length, code_charset }) {
  const now = Date.now();
  const expiresAt = now + 1000 * expires_in;
  challenge = { ...from, envelope, expiresAt, length: code_length, charset: code_charset };
  over = false;
  waitUntil = now + 1000 * resend_after;
  if (from.channel === 'email') keepRecipient(from.recipient, expiresAt);
  const { envelope: _, ...shown } = challenge;
  keep('sessionStorage', TAB, { ...shown, waitUntil });
}

// ── Step 2: the code ─────────────────────────────────────────────────────────────────────────────────────────────────

enterForm.addEventListener('submit', (event) => {
  event.preventDefault();
  const token = normalized(code.value);
  const { length } = challenge;
  if (token === '') return complain('Enter the code first.', code);
  if (length && [...token].length !== length) {
    return complain(`The code has ${length} ${units()}. Nothing was sent, so no attempt is lost.`, code);
  }
  work(() => exchange(token));
});

element('again').addEventListener('click', () => work(again));
element('change').addEventListener('click', showAsk);

async function exchange(token) {
  const { channel, name, recipient, envelope } = challenge;
  const answer = await post(`exchange/${channel}/`, { [name]: recipient, token, challenge: envelope });
  if (answer.ok) return signedIn(answer.body);
  if (isOver(answer) || answer.body.errors?.challenge) end();
  complain(fieldError(answer, name) ?? explain(answer, 'code'), over ? element('again') : code);
}

async function again() {
  const { channel, name, recipient, envelope } = challenge;
  if (over) return request({ channel, name, recipient });
  const answer = await send('resend/', { [name]: recipient, challenge: envelope });
  if (answer.ok) {
    begin({ channel, name, recipient }, answer.body);
    showEnter();
    return say('The code was sent again.');
  }
  if (answer.code === 'throttled') waitUntil = Date.now() + 1000 * answer.retryAfter;
  if (isOver(answer) || answer.body.errors?.challenge) end();
  complain(explain(answer, 'code'), element('again'));
}

/** Nothing opens this challenge any more: what is left is to ask for a new one. */
function end() {
  over = true;
  forget('sessionStorage', TAB);
  forgetRecipient();
}

/** What was typed or pasted, as the engine wants it: "123 456", "123-456" and "Your code is 123456" are 123456. */
function normalized(typed) {
  const text = typed.normalize('NFKC').trim();
  if (challenge.charset === 'numeric') return text.replace(/[^0-9]/g, '');
  if (challenge.charset === 'base20') return text.replace(/[\s\p{Dash}]/gu, '').toUpperCase();
  const isOutside = (character) => !challenge.charset?.includes(character);
  return text.replace(/[\s\p{Dash}]/gu, (character) => (isOutside(character) ? '' : character));
}

function units() {
  return challenge.charset === 'numeric' ? 'digits' : 'characters';
}

// ── Step 3 ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function signedIn(tokens) {
  forget('sessionStorage', TAB);
  forgetRecipient();
  challenge = null;
  enter.hidden = true;
  showSession(tokens);
}

// ── What is shown ────────────────────────────────────────────────────────────────────────────────────────────────────

function showAsk() {
  enter.hidden = true;
  ask.hidden = false;
  clear();
  forget('sessionStorage', TAB);
  element('ask-alert').append(alertLine);
  const field = fields.find(({ name }) => name === challenge?.name) ?? fields[0];
  field.focus();
  field.select();
}

function showEnter() {
  ask.hidden = true;
  enter.hidden = false;
  clear();
  element('enter-alert').append(alertLine);
  element('recipient').textContent = challenge.recipient;
  const { length, charset } = challenge;
  element('code-label').textContent = length ? `Code of ${length} ${units()}` : 'Code';
  code.inputMode = charset === 'numeric' || !charset ? 'numeric' : 'text';
  code.autocapitalize = charset === 'base20' ? 'characters' : 'off';
  code.value = '';
  tick();
  code.focus();
}

/** The countdown of the button, and the end of the challenge. */
function tick() {
  if (enter.hidden) return;
  if (!over && challenge.expiresAt && Date.now() >= challenge.expiresAt) {
    end();
    complain('This code has expired. Get a new one.');
  }
  const seconds = Math.ceil((waitUntil - Date.now()) / 1000);
  const label = over ? 'Get a new code' : 'Send again';
  element('again').textContent = seconds > 0 ? `${label} in ${seconds} s` : label;
  element('again').setAttribute('aria-disabled', String(seconds > 0));
}
setInterval(tick, 1000);

/** One thing at a time; the buttons show that it is under way. */
async function work(task) {
  if (busy || (task === again && waitUntil > Date.now())) return;
  busy = true;
  clear();
  document.body.setAttribute('aria-busy', 'true');
  try {
    await task();
  } finally {
    busy = false;
    document.body.removeAttribute('aria-busy');
    tick();
  }
}

function complain(words, focus) {
  say('');
  alertLine.textContent = words;
  if (focus?.matches('input')) {
    focus.setAttribute('aria-invalid', 'true');
    focus.select();
  }
  focus?.focus();
}

function clear() {
  alertLine.textContent = '';
  say('');
  for (const field of [...fields, code]) field.removeAttribute('aria-invalid');
}

function say(words) {
  element('status').textContent = words;
}

// A phone may drop this tab while its owner reads the message, and load it again afterwards.
const [navigation] = performance.getEntriesByType('navigation');
const before = kept('sessionStorage', TAB);
keptRecipient();
if (before && (document.wasDiscarded || navigation?.type !== 'navigate')) {
  ({ waitUntil, ...challenge } = before);
  showEnter();
}
