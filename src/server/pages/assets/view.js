// What both pages have in common: one section at a time, one alert, one thing under way.

const alertLine = document.querySelector('[role=alert]');
const statusLine = document.getElementById('status');
const languages = document.getElementById('languages');
const { site, sessions } = document.documentElement.dataset;

let marked = null;
let busy = false;

/** Shows a section and nothing else; the title and the place of the alert follow. */
export function show(section) {
  for (const other of document.querySelectorAll('main > section')) other.hidden = other !== section;
  const place = section.querySelector('.alert-place');
  if (place) alertAt(place);
  document.title = `${section.querySelector('h1').textContent} · ${site}`;
  // Another language is another document, which would have lost the tokens that this one shows.
  if (languages) languages.hidden = section.id === 'signed-in' && sessions === undefined;
  clear();
}

/** What is wrong is said in this place. */
export function alertAt(place) {
  place.append(alertLine);
}

/** Says what is wrong; a field that it is about is marked, and described by it. */
export function complain(words, focus) {
  clear();
  alertLine.textContent = words;
  if (focus?.matches('input')) {
    marked = { field: focus, described: focus.getAttribute('aria-describedby') };
    focus.setAttribute('aria-invalid', 'true');
    focus.setAttribute('aria-describedby', [marked.described, alertLine.id].filter(Boolean).join(' '));
    focus.select();
  }
  focus?.focus();
}

/** Takes back what was said. */
export function clear() {
  alertLine.textContent = '';
  say('');
  if (!marked) return;
  const { field, described } = marked;
  field.removeAttribute('aria-invalid');
  if (described) field.setAttribute('aria-describedby', described);
  else field.removeAttribute('aria-describedby');
  marked = null;
}

/** Says how it goes. */
export function say(words) {
  statusLine.textContent = words;
}

/** Does one thing at a time; the buttons show that it is under way. */
export async function work(task) {
  if (busy) return;
  busy = true;
  clear();
  document.body.setAttribute('aria-busy', 'true');
  try {
    await task();
  } finally {
    busy = false;
    document.body.removeAttribute('aria-busy');
  }
}

/** Whether something is under way. */
export function isBusy() {
  return busy;
}
