// The landing page of a link. Loading it spends nothing, scripts included: only the click does.

import { explain, isOver, post } from './api.js';
import { forgetRecipient, keptRecipient, linksAreBound } from './recipient.js';
import { showSession } from './session.js';

const element = (id) => document.getElementById(id);
const form = document.querySelector('form');
const recipient = element('recipient');
const alertLine = document.querySelector('[role=alert]');

let busy = false;

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const token = linkToken();
  if (busy || !token) return;
  const address = recipient.value.trim();
  if (linksAreBound && !address) return complain('Enter the address that the link was sent to.');
  busy = true;
  alertLine.textContent = '';
  document.body.setAttribute('aria-busy', 'true');
  const answer = await post('exchange/', linksAreBound ? { [recipient.name]: address, token } : { token });
  document.body.removeAttribute('aria-busy');
  busy = false;
  if (answer.ok) {
    forget();
    element('confirm').hidden = true;
    return showSession(answer.body);
  }
  if (isOver(answer)) forget();
  if (answer.body.errors?.challenge) {
    return complain('This link works only in the browser that asked for it. Open it there, or get a new code.');
  }
  complain(answer.body.errors?.[recipient.name]?.[0] ?? explain(answer, 'link'));
});

/** The token in the fragment, which no server and no log has seen. */
function linkToken() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return '';
  }
}

/** What is used up leaves the history and the storage. */
function forget() {
  history.replaceState(null, '', location.pathname);
  forgetRecipient();
}

function complain(words) {
  alertLine.textContent = words;
  element('instead').hidden = false;
  const missing = linksAreBound && !element('ask-recipient').hidden;
  (missing ? recipient : form.querySelector('button')).focus();
}

function arrive() {
  alertLine.textContent = '';
  element('instead').hidden = true;
  element('signed-in').hidden = true;
  element('confirm').hidden = false;
  if (linksAreBound) {
    const kept = keptRecipient();
    recipient.value = kept ?? '';
    element('ask-recipient').hidden = kept !== null;
  }
  form.hidden = !linkToken();
  element('explanation').hidden = form.hidden;
  if (form.hidden) complain('This page opens from the link in a sign-in message. Its last part is missing.');
}

window.addEventListener('hashchange', arrive);
arrive();
