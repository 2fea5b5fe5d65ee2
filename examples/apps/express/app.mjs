// An app in Express whose account page is for whoever is signed in. It asks countersign who that is, by the visitor's cookie: a
// sign-out counts at once.
//
//     npm install express && node app.mjs          and open http://localhost:3000
//
//     [session]
//     enabled = true
//     return_to = ["http://localhost:3000"]
//     # cookie_domain = "example.com"      in production, for login.example.com and app.example.com

import express from 'express';

const AUTH = process.env.AUTH ?? 'http://localhost:8000/passwordless';
const APP = process.env.APP ?? 'http://localhost:3000';
/** Where the app reaches countersign, if not as browsers do. */
const INTERNAL = process.env.INTERNAL ?? AUTH;

const app = express();

/** Lets whoever is signed in pass, as `request.user`; visitors are sent to the login page, which leads them back. */
async function signedIn(request, response, next) {
  const answer = await fetch(`${INTERNAL}/session/`, {
    headers: { Cookie: request.get('Cookie') ?? '' },
    signal: AbortSignal.timeout(5000),
  });
  if (answer.status === 401) {
    if (request.method !== 'GET') return response.status(401).send('Sign in first.');
    return response.redirect(303, `${AUTH}/login?return_to=${encodeURIComponent(APP + request.originalUrl)}`);
  }
  // An outage is no sign-out.
  if (!answer.ok) return response.status(503).send('Try again in a moment.');
  request.user = await answer.json();
  response.set('Cache-Control', 'no-store');
  next();
}

/** The cookie comes with requests that another host of your domain makes, too. */
function fromThisSite(request, response, next) {
  const isSafe = ['GET', 'HEAD'].includes(request.method) || request.get('Sec-Fetch-Site') === 'same-origin';
  return isSafe ? next() : response.status(403).send('Not from elsewhere.');
}

const escape = (text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
const notes = new Map();

app.use(fromThisSite);

app.get('/', (request, response) => {
  response.send('<!doctype html><title>App</title><h1>Welcome</h1><a href="/account">Your account</a>');
});

app.get('/account', signedIn, ({ user }, response) => {
  response.send(`<!doctype html><title>Account</title><h1>Your account</h1>
    <p>Signed in as ${escape(user.recipient)}</p>
    <p id="note">${escape(notes.get(user.sub) ?? 'No note.')}</p>
    <form method="post" action="/note"><input name="note" aria-label="Note"><button>Save</button></form>
    <a href="${AUTH}/logout/?return_to=${encodeURIComponent(`${APP}/`)}">Sign out</a>`);
});

app.post('/note', signedIn, express.urlencoded(), ({ user, body }, response) => {
  notes.set(user.sub, body.note);
  response.redirect(303, '/account');
});

const { port } = new URL(APP);
app.listen(Number(port) || 3000, '127.0.0.1', () => console.log(`listening at ${APP}`));
