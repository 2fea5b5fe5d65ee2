// The JavaScript client in Node.js, against a stand-in whose answers a scenario writes: client_node.mjs SCENARIO, with { module }
// as JSON on stdin. A scenario fails by throwing.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const given = JSON.parse(readFileSync(0, 'utf8'));
const module = pathToFileURL(given.module).href;
const { createClient, CountersignError } = await import(module);

// ── A stand-in for the engine ────────────────────────────────────────────────────────────────────────────────────────

const SENT = { detail: 'A token has been sent to you', challenge: 'e.n.v', expires_in: 600, resend_after: 60, code_length: 6, code_charset: 'numeric' };
const now = () => Math.floor(Date.now() / 1000);

function jwt(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'EdDSA' })}.${part(claims)}.sig`;
}

let issued = 0;

function access({ iat = now(), life = 300, ...claims } = {}) {
  issued += 1;
  return jwt({ sub: '42', amr: ['otp'], channel: 'email', auth_time: iat, sid: 's', jti: String(issued), iat, exp: iat + life, ...claims });
}

const tokens = (claims) => ({ access: access(claims), refresh: `r${issued}`, token_type: 'Bearer', expires_in: claims?.life ?? 300 });
const problem = (status, code, members) => ({ status, body: { type: 'about:blank', title: 'x', status, detail: `It is ${code}.`, code, ...members } });

/** Answers by path: an object (200), `{ status, body, headers }`, or a function of the call that gives one. Keeps all calls. */
async function standIn(answers = {}) {
  const calls = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const path = request.url.replace('/passwordless/', '');
    let body = text;
    try {
      body = JSON.parse(text);
    } catch { /* none, or not JSON */ }
    const call = { path, method: request.method, headers: request.headers, body };
    calls.push(call);
    let answer = answers[path] ?? problem(404, 'not_found');
    if (typeof answer === 'function') answer = await answer(call);
    if (answer === 'hang up') return request.socket.destroy();
    const { status, headers, raw } = answer.status || answer.raw !== undefined ? answer : {};
    response.writeHead(status ?? 200, { 'Content-Type': 'application/json', ...headers });
    response.end(raw ?? JSON.stringify(status ? answer.body : answer));
  });
  server.unref();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const origin = `http://127.0.0.1:${server.address().port}`;
  return { origin, url: `${origin}/passwordless`, calls, answers, paths: () => calls.map(({ path }) => path) };
}

async function signedIn(answers, options) {
  const engine = await standIn({ 'request/email/': SENT, 'exchange/email/': () => tokens(), ...answers });
  const auth = createClient({ url: engine.url, ...options });
  await auth.request({ email: 'ann@example.com' });
  await auth.exchange('123456');
  engine.calls.length = 0;
  return { engine, auth };
}

/** From now on this machine's clock goes differently. */
function shiftClock(seconds) {
  const real = Date.now;
  Date.now = () => real() + 1000 * seconds;
}

const fails = (promise, expected) => assert.rejects(promise, (error) => {
  assert.ok(error instanceof CountersignError && error instanceof Error, error.stack);
  assert.equal(error.name, 'CountersignError');
  const { status, code, detail, fields, attemptsLeft, retryAfter } = error;
  const found = { status, code, detail, fields, attemptsLeft, retryAfter };
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(found[name], value, name);
  return true;
});

function puzzleOf(number, maxnumber = 5000) {
  const salt = 'b10da48cea4c09676b8e0efcd8069414?expires=4000000000&root=LMByN-6h&for=ZlsuwERTxFDx88YEmYvv5w&';
  const challenge = createHash('sha256').update(salt + number).digest('hex');
  return { algorithm: 'SHA-256', challenge, maxnumber, salt, signature: 'f00' };
}

const throttled = (puzzle) => ({ ...problem(429, 'throttled', { puzzle }), headers: { 'Retry-After': '42' } });

// ── Scenarios ────────────────────────────────────────────────────────────────────────────────────────────────────────

const scenarios = {
  async is_at_most_5_kib_compressed() {
    const compressed = gzipSync(readFileSync(given.module), { level: 9 }).length;
    assert.ok(compressed <= 5120, `${compressed} bytes`);
    console.log(compressed);
  },

  async speaks_as_the_contract_says() {
    const engine = await standIn({
      'request/email/': SENT, 'request/mobile/': { ...SENT, challenge: 'm.o.b', code_charset: 'base20' }, 'resend/': SENT,
      'exchange/email/': () => tokens(), 'exchange/mobile/': () => tokens({ sub: '+49' }), 'exchange/': () => tokens(),
      'status/': { state: 'open', recipient: 'a…@example.com' }, 'token/revoke/': {},
    });
    const auth = createClient({ url: `${engine.url}/`, session: 'token' });
    assert.equal(auth.challenge, null);
    assert.equal(await auth.session(), null);
    assert.equal(await auth.accessToken(), null);
    assert.deepEqual(engine.calls, [], 'nothing is asked for nobody');

    const sent = { expiresIn: 600, resendAfter: 60, codeLength: 6, codeCharset: 'numeric' };
    assert.deepEqual(await auth.request({ email: 'ann@example.com' }, { locale: 'de' }), sent);
    assert.deepEqual(await auth.resend(), sent);
    assert.deepEqual(await auth.status(), { state: 'open', recipient: 'a…@example.com' });
    const session = await auth.exchange('012345');
    assert.deepEqual(Object.keys(session).sort(), ['amr', 'authTime', 'channel', 'expiresAt', 'sid', 'sub']);
    assert.deepEqual([session.sub, session.amr, session.sid, session.channel], ['42', ['otp'], 's', 'email']);
    assert.ok(session.expiresAt - now() > 290 && session.authTime <= now());
    assert.deepEqual(await auth.session(), session);
    assert.match(await auth.accessToken(), /^ey.*\.sig$/);
    assert.equal(auth.challenge, null, 'it was redeemed');
    assert.deepEqual(engine.calls.map(({ path, body }) => [path, body]), [
      ['request/email/', { email: 'ann@example.com', locale: 'de' }],
      ['resend/', { email: 'ann@example.com', challenge: 'e.n.v' }],
      ['status/', { email: 'ann@example.com', challenge: 'e.n.v' }],
      ['exchange/email/', { email: 'ann@example.com', token: '012345', challenge: 'e.n.v' }],
    ]);
    for (const { method, headers } of engine.calls) assert.deepEqual([method, headers['content-type']], ['POST', 'application/json']);

    engine.calls.length = 0;
    await auth.request({ phone_number: '+4915112345678' });
    assert.deepEqual((await auth.exchange('BCDFGH')).sub, '+49');
    await auth.request({ mail: 'ann@example.com' });
    await auth.request({ handy: '+49 151' });
    await auth.request({ strange: 'x' }, { channel: 'email' });
    await auth.exchangeLink('v4.local.abc');
    await auth.status({ token: 'v4.local.abc' });
    assert.deepEqual(engine.calls.map(({ path, body }) => [path, body]), [
      ['request/mobile/', { phone_number: '+4915112345678' }],
      ['exchange/mobile/', { phone_number: '+4915112345678', token: 'BCDFGH', challenge: 'm.o.b' }],
      ['request/email/', { mail: 'ann@example.com' }],
      ['request/mobile/', { handy: '+49 151' }],
      ['request/email/', { strange: 'x' }],
      ['exchange/', { token: 'v4.local.abc' }],
      ['status/', { token: 'v4.local.abc' }],
    ]);
  },

  async a_challenge_that_was_kept_elsewhere_goes_on() {
    const engine = await standIn({ 'request/email/': SENT, 'exchange/email/': () => tokens() });
    const first = createClient({ url: engine.url });
    await first.request({ email: 'ann@example.com' });
    const { expiresAt, resendAt, ...rest } = first.challenge;
    assert.ok(Math.abs(expiresAt - 600 - now()) < 5 && Math.abs(resendAt - 60 - now()) < 5);
    assert.deepEqual(rest, { channel: 'email', field: 'email', recipient: 'ann@example.com', envelope: 'e.n.v', codeLength: 6, codeCharset: 'numeric' });
    const second = createClient({ url: engine.url });
    await fails(second.exchange('123456'), { status: 0, code: 'no_challenge' });
    await fails(second.resend(), { status: 0, code: 'no_challenge' });
    second.challenge = JSON.parse(JSON.stringify(first.challenge));
    await second.exchange('123456');
    assert.equal(engine.calls.at(-1).body.challenge, 'e.n.v');
  },

  async every_failure_is_an_error_of_one_class() {
    const engine = await standIn({ 'request/email/': SENT });
    const auth = createClient({ url: engine.url });
    await auth.request({ email: 'ann@example.com' });
    const answersWith = (answer) => {
      engine.answers['exchange/email/'] = answer;
      return auth.exchange('000000');
    };
    await fails(answersWith(problem(400, 'invalid_credentials', { attempts_left: 2 })),
      { status: 400, code: 'invalid_credentials', detail: 'It is invalid_credentials.', fields: {}, attemptsLeft: 2, retryAfter: undefined });
    const errors = { token: ['This field may not be blank.'] };
    await fails(answersWith(problem(400, 'invalid', { errors, ...errors })), { status: 400, code: 'invalid', fields: errors });
    await fails(answersWith({ ...problem(503, 'unavailable'), headers: { 'Retry-After': '7' } }), { status: 503, code: 'unavailable', retryAfter: 7 });
    // From something in between.
    await fails(answersWith({ status: 502, raw: '<html>Bad gateway</html>', headers: { 'Retry-After': '9' } }), { status: 502, code: 'unexpected', retryAfter: 9 });
    await fails(answersWith({ status: 200, raw: '<html>Welcome to our hotel</html>' }), { status: 200, code: 'unexpected' });
    await fails(answersWith({ status: 200, raw: '' }), { status: 200, code: 'unexpected' });
    for (const raw of ['null', '7', '"x"', '[]', '{}', '{"access":null}']) {
      await fails(answersWith({ status: 200, raw }), { status: 200, code: 'unexpected', fields: {} });
    }
    for (const raw of ['null', '7', '"x"', '[]']) await fails(answersWith({ status: 500, raw }), { status: 500, code: 'unexpected' });
    // Nothing at all.
    await fails(answersWith('hang up'), { status: 0, code: 'unreachable' });
    await fails(answersWith({ status: 307, raw: '', headers: { Location: `${engine.url}/elsewhere/` } }), { status: 0, code: 'unreachable' });
    assert.ok(!engine.paths().includes('elsewhere/'), 'a code followed a redirect');
    const closed = createClient({ url: 'http://127.0.0.1:1/passwordless' });
    await fails(closed.request({ email: 'ann@example.com' }), { status: 0, code: 'unreachable', retryAfter: undefined });
    // Not wanted any more.
    const abort = new AbortController();
    engine.answers['exchange/email/'] = () => {
      abort.abort();
      return new Promise(() => {});
    };
    await fails(auth.exchange('000000', { signal: abort.signal }), { status: 0, code: 'aborted' });
    assert.equal(await auth.session(), null);
  },

  async says_what_cannot_be() {
    assert.throws(() => createClient({ url: 'ftp://login.example.com' }), TypeError);
    assert.throws(() => createClient({ url: '/passwordless' }), TypeError, 'relative to nothing');
    assert.throws(() => createClient({ url: 'https://login.example.com', session: 'cookies' }), TypeError);
    assert.throws(() => createClient({ url: 'https://login.example.com', origins: ['app.example.com'] }), TypeError);
    const cookie = createClient({ url: 'http://127.0.0.1:1', session: 'cookie' });
    await assert.rejects(cookie.exchangeLink('v4.local.x'), TypeError, 'no cookie would be kept');
  },

  async puzzles_are_solved_in_slices() {
    const number = 4321;
    let turns = 0;
    const engine = await standIn({
      'request/email/': ({ body }) => (body.puzzle ? SENT : throttled(puzzleOf(number))),
    });
    const ticking = setInterval(() => (turns += 1), 0);
    const auth = createClient({ url: engine.url });
    let told = 0;
    assert.deepEqual((await auth.request({ email: 'ann@example.com' }, { locale: 'de', onPuzzle: () => (told += 1) })).codeLength, 6);
    assert.equal(told, 1);
    clearInterval(ticking);
    assert.ok(turns > 1, 'others had their turns');
    const { body } = engine.calls[1];
    const { algorithm, challenge, salt, signature } = puzzleOf(number);
    assert.deepEqual(JSON.parse(atob(body.puzzle)), { algorithm, challenge, number, salt, signature });
    assert.deepEqual([body.email, body.locale], ['ann@example.com', 'de']);
    // Nothing is solved for nothing.
    for (const puzzle of [{ ...puzzleOf(7), algorithm: 'SHA-512' }, puzzleOf(11, 10)]) {
      const other = createClient({ url: engine.url });
      engine.answers['request/email/'] = throttled(puzzle);
      engine.calls.length = 0;
      await fails(other.request({ email: 'ann@example.com' }), { status: 429, code: 'throttled', retryAfter: 42 });
      assert.equal(engine.calls.length, 1);
    }
    // A server that is never content is asked four times.
    engine.answers['request/email/'] = throttled(puzzleOf(3, 10));
    engine.calls.length = 0;
    await fails(createClient({ url: engine.url }).request({ email: 'ann@example.com' }), { code: 'throttled' });
    assert.equal(engine.calls.length, 4);
  },

  async a_puzzle_lifts_only_what_others_did() {
    const engine = await standIn({ 'request/email/': SENT, 'resend/': throttled(puzzleOf(5, 10)) });
    const auth = createClient({ url: engine.url });
    await auth.request({ email: 'ann@example.com' });
    engine.answers['request/email/'] = ({ body }) => (body.puzzle ? SENT : throttled(puzzleOf(5, 10)));
    engine.calls.length = 0;
    // As somebody types it again.
    await fails(auth.request({ email: ' Ann@Example.com' }), { status: 429, code: 'throttled', retryAfter: 42 });
    await fails(auth.resend(), { status: 429, code: 'throttled', retryAfter: 42 });
    assert.ok(engine.calls.every(({ body }) => body.puzzle === undefined), 'it sent a solution');
    assert.equal(engine.calls.length, 2);
    // Whoever else was asked for is none of this.
    await auth.request({ email: 'bob@example.com' });
    assert.equal(engine.calls.length, 4);
    // Nor is what was refused.
    engine.answers['request/email/'] = problem(503, 'unavailable');
    await fails(auth.request({ email: 'carl@example.com' }), { code: 'unavailable' });
    engine.answers['request/email/'] = ({ body }) => (body.puzzle ? SENT : throttled(puzzleOf(5, 10)));
    await auth.request({ email: 'carl@example.com' });
    // Two at once are one person, who pressed twice.
    engine.calls.length = 0;
    let first = true;
    engine.answers['request/email/'] = ({ body }) => {
      if (!first) return body.puzzle ? SENT : throttled(puzzleOf(5, 10));
      first = false;
      return SENT;
    };
    const twice = await Promise.allSettled([auth.request({ email: 'dora@example.com' }), auth.request({ email: 'dora@example.com' })]);
    assert.deepEqual(twice.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.equal(engine.calls.length, 2);
    // After the pause it may.
    shiftClock(61);
    await auth.request({ email: 'ann@example.com' });
    assert.ok(engine.calls.at(-1).body.puzzle);
  },

  async parallel_calls_renew_once() {
    const { engine, auth } = await signedIn({ 'token/refresh/': () => ({ access: access() }) });
    const before = await auth.accessToken();
    shiftClock(280);
    const all = await Promise.all(Array.from({ length: 20 }, () => auth.accessToken()));
    assert.equal(new Set(all).size, 1);
    assert.notEqual(all[0], before);
    assert.deepEqual(engine.paths(), ['token/refresh/']);
    assert.equal(engine.calls[0].body.refresh, 'r1');
    await auth.accessToken();
    assert.equal(engine.calls.length, 1, 'it is fresh');
  },

  async a_rotated_refresh_token_takes_the_place_of_the_old_one() {
    const { engine, auth } = await signedIn({ 'token/refresh/': () => ({ access: access(), refresh: `rotated${issued}` }), 'token/revoke/': {} });
    shiftClock(280);
    await auth.accessToken();
    shiftClock(280);
    await auth.accessToken();
    await auth.logout();
    assert.deepEqual(engine.calls.map(({ body }) => body.refresh ?? body), ['r1', 'rotated2', { token: 'rotated3', everywhere: false }]);
  },

  async a_wrong_clock_changes_nothing() {
    for (const skew of [-86_400 * 365, -3600, 3600, 86_400 * 365]) {
      const iat = now() + skew;
      const { engine, auth } = await signedIn({
        'exchange/email/': () => tokens({ iat }), 'token/refresh/': () => ({ access: access({ iat }) }),
      });
      await auth.accessToken();
      assert.deepEqual(engine.paths(), [], `fresh at ${skew}`);
      const real = Date.now;
      shiftClock(280);
      await auth.accessToken();
      await auth.accessToken();
      assert.deepEqual(engine.paths(), ['token/refresh/'], `renewed at ${skew}`);
      Date.now = real;
    }
  },

  async short_and_opaque_tokens_are_renewed_in_time() {
    const opaque = { access: 'v4.local.AAAA', refresh: 'r', token_type: 'Bearer', expires_in: 60 };
    const { engine, auth } = await signedIn({ 'exchange/email/': opaque, 'token/refresh/': { access: 'v4.local.BBBB' } });
    const session = await auth.session();
    assert.equal(session.sub, undefined);
    assert.ok(Math.abs(session.expiresAt - now() - 60) <= 1);
    shiftClock(40);
    assert.equal(await auth.accessToken(), 'v4.local.AAAA');
    shiftClock(10);
    assert.equal(await auth.accessToken(), 'v4.local.BBBB');
    assert.equal(await auth.accessToken(), 'v4.local.BBBB');
    assert.deepEqual(engine.paths(), ['token/refresh/']);
    // v4.public: times are ISO 8601, and a signature follows.
    const iso = (seconds) => new Date(1000 * seconds).toISOString();
    const claims = { sub: 'zoë', amr: ['otp'], auth_time: now(), iat: iso(now()), exp: iso(now() + 300) };
    const signed = Buffer.concat([Buffer.from(JSON.stringify(claims)), Buffer.alloc(64, 7)]).toString('base64url');
    engine.answers['exchange/'] = { access: `v4.public.${signed}.Zm9v`, refresh: 'r', expires_in: 300 };
    const paseto = await auth.exchangeLink('v4.local.link');
    assert.deepEqual([paseto.sub, paseto.authTime, paseto.expiresAt], ['zoë', claims.auth_time, Date.parse(claims.exp) / 1000]);
  },

  async an_outage_is_no_sign_out() {
    const { engine, auth } = await signedIn({ 'token/refresh/': problem(503, 'unavailable') });
    const seen = [];
    auth.onChange((session) => seen.push(session));
    const before = await auth.accessToken();
    shiftClock(280);
    assert.equal(await auth.accessToken(), before, 'it is good for a while');
    shiftClock(30);
    await fails(auth.accessToken(), { status: 503 });
    await fails(auth.session(), { status: 503 });
    // A wall of somebody else's before the engine.
    engine.answers['token/refresh/'] = { status: 401, raw: '<html>Who are you?</html>' };
    await fails(auth.session(), { status: 401, code: 'unexpected' });
    engine.answers['token/refresh/'] = 'hang up';
    await fails(auth.session(), { status: 0, code: 'unreachable' });
    assert.deepEqual(seen, []);
    engine.answers['token/refresh/'] = () => ({ access: access({ iat: now() }) });
    assert.equal((await auth.session()).sub, '42');
    engine.answers['token/refresh/'] = problem(401, 'token_not_valid');
    shiftClock(400);
    assert.equal(await auth.session(), null);
    assert.equal(await auth.accessToken(), null);
    assert.equal(seen.at(-1), null);
    const count = engine.calls.length;
    await auth.session();
    assert.equal(engine.calls.length, count, 'who is signed out is not asked for again');
  },

  async tokens_go_to_named_origins_only() {
    const api = await standIn({ '/things': { ok: true }, '/away': {} });
    const stranger = await standIn({ '/things': { ok: true } });
    const { engine, auth } = await signedIn({ 'things': { ok: true } }, { origins: [api.origin] });
    const token = await auth.accessToken();
    const shown = async (input, init) => {
      await auth.fetch(input, init);
      return [...engine.calls, ...api.calls, ...stranger.calls].at(-1).headers.authorization;
    };
    assert.equal(await shown(`${engine.url}/things`), `Bearer ${token}`);
    engine.calls.length = 0;
    assert.equal(await shown(`${api.origin}/things`, { method: 'PUT', body: 'x' }), `Bearer ${token}`);
    assert.equal(await shown(new URL(`${api.origin}/things`)), `Bearer ${token}`);
    assert.equal(await shown(new Request(`${api.origin}/things`, { headers: { 'X-A': 'b' } })), `Bearer ${token}`);
    assert.equal(api.calls.at(-1).headers['x-a'], 'b');
    assert.equal(await shown(`${api.origin}/things`, { headers: { Authorization: 'Basic mine' } }), 'Basic mine');
    api.calls.length = 0;
    for (const input of [`${stranger.origin}/things`, new URL(`${stranger.origin}/things`), new Request(`${stranger.origin}/things`),
      `${api.origin.replace('http://', 'http://x@')}.localhost/`.replace(/.*/, `${stranger.origin}/things?${api.origin}/`),
      `${stranger.origin}/things#${api.origin}`]) {
      assert.equal(await shown(input), undefined, String(input.url ?? input));
    }
    stranger.calls.length = 0;
    // Where a named origin leads elsewhere.
    api.answers['/away'] = { status: 302, raw: '', headers: { Location: `${stranger.origin}/things` } };
    await auth.fetch(`${api.origin}/away`);
    assert.equal(api.calls.at(-1).headers.authorization, `Bearer ${token}`);
    assert.equal(stranger.calls.at(-1).headers.authorization, undefined);
  },

  async after_a_401_it_renews_once_and_tries_once_again() {
    const { engine, auth } = await signedIn({ 'token/refresh/': () => ({ access: access() }), 'token/revoke/': {} });
    const old = await auth.accessToken();
    engine.answers['things'] = ({ headers, body }) =>
      (headers.authorization === `Bearer ${old}` ? problem(401, 'token_not_valid') : { got: body });
    const answers = await Promise.all(['a', 'b', 'c'].map((body) => auth.fetch(`${engine.url}/things`, { method: 'POST', body })));
    assert.deepEqual(await Promise.all(answers.map((answer) => answer.json())), [{ got: 'a' }, { got: 'b' }, { got: 'c' }]);
    assert.equal(engine.paths().filter((path) => path === 'token/refresh/').length, 1);
    assert.equal(engine.calls.length, 7);

    // Bodies of every kind are sent again.
    let refused = true;
    engine.answers['things'] = ({ body }) => ((refused = !refused) ? { got: body } : problem(401, 'token_not_valid'));
    const form = new FormData();
    form.set('a', 'b');
    const bodies = [new TextEncoder().encode('bytes'), new Blob(['blob']), 'a'.repeat(3_000_000), new URLSearchParams('a=b'), form];
    for (const body of bodies) {
      const answer = await auth.fetch(`${engine.url}/things`, { method: 'POST', body });
      assert.equal(answer.status, 200);
      assert.match((await answer.json()).got, /^(bytes|blob|a{3000000}|a=b|-+formdata)/i);
    }
    const request = new Request(`${engine.url}/things`, { method: 'POST', body: 'of a request' });
    assert.deepEqual(await (await auth.fetch(request)).json(), { got: 'of a request' });
    assert.ok(request.bodyUsed);

    // A stream can be sent once.
    refused = true;
    engine.calls.length = 0;
    const stream = new Blob(['stream']).stream();
    const once = await auth.fetch(`${engine.url}/things`, { method: 'POST', body: stream, duplex: 'half' });
    assert.equal(once.status, 401);
    assert.deepEqual(engine.paths(), ['things']);

    // Whoever says 401 to everything is asked twice.
    engine.answers['things'] = problem(401, 'token_not_valid');
    engine.calls.length = 0;
    assert.equal((await auth.fetch(`${engine.url}/things`)).status, 401);
    assert.deepEqual(engine.paths(), ['things', 'token/refresh/', 'things']);
    // Who is signed out gets the answer as it is.
    await auth.logout();
    engine.calls.length = 0;
    assert.equal((await auth.fetch(`${engine.url}/things`)).status, 401);
    assert.deepEqual([engine.paths(), engine.calls[0].headers.authorization], [['things'], undefined]);
  },

  async a_session_that_ended_meanwhile_is_over() {
    const { engine, auth } = await signedIn({ 'token/refresh/': problem(401, 'token_not_valid'), 'things': problem(401, 'token_not_valid') });
    const seen = [];
    auth.onChange((session) => seen.push(session));
    const answer = await auth.fetch(`${engine.url}/things`);
    assert.deepEqual([answer.status, (await answer.json()).code], [401, 'token_not_valid']);
    assert.deepEqual([seen, await auth.session()], [[null], null]);
    // What fetch throws passes through.
    await assert.rejects(auth.fetch('http://127.0.0.1:1/'), TypeError);
    await assert.rejects(auth.fetch(`${engine.url}/things`, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  },

  async logout_forgets_and_tells() {
    const { engine, auth } = await signedIn({ 'token/revoke/': { pending: 2 } });
    const seen = [];
    const undo = auth.onChange((session) => seen.push(session));
    const thrown = once(process, 'unhandledRejection');
    const last = [];
    auth.onChange(() => {
      throw new Error('of a listener');
    });
    auth.onChange((session) => last.push(session));
    assert.deepEqual(await auth.logout({ everywhere: true }), { pending: 2 });
    assert.equal((await thrown)[0].message, 'of a listener');
    assert.deepEqual(last, [null], 'one that throws keeps nothing from the others');
    process.on('unhandledRejection', () => {});
    assert.deepEqual(engine.calls.map(({ path, body }) => [path, body]), [['token/revoke/', { token: 'r1', everywhere: true }]]);
    assert.deepEqual([await auth.session(), await auth.accessToken(), seen], [null, null, [null]]);
    assert.deepEqual(await auth.logout(), { pending: 0 });
    assert.equal(engine.calls.length, 1, 'nobody to sign out');
    undo();
    engine.answers['exchange/'] = () => tokens();
    await auth.exchangeLink('x');
    assert.equal(seen.length, 1);
    engine.answers['token/revoke/'] = problem(503, 'unavailable');
    await fails(auth.logout(), { status: 503 });
    assert.equal(await auth.session(), null, 'forgotten all the same');
  },

  async a_sign_out_during_a_renewal_stays_one() {
    const { engine, auth } = await signedIn({ 'token/revoke/': {} });
    let answer;
    engine.answers['token/refresh/'] = () => new Promise((resolve) => (answer = resolve));
    shiftClock(280);
    const renewing = auth.accessToken();
    while (!answer) await new Promise((resolve) => setTimeout(resolve, 1));
    await auth.logout();
    answer({ access: access() });
    assert.equal(await renewing, null);
    assert.equal(await auth.session(), null);
    // And so does a sign-in as somebody else.
    engine.answers['exchange/'] = () => tokens();
    await auth.exchangeLink('x');
    [answer, engine.answers['exchange/']] = [undefined, () => tokens({ sub: '7', iat: now() })];
    shiftClock(280);
    const again = auth.session();
    while (!answer) await new Promise((resolve) => setTimeout(resolve, 1));
    await auth.exchangeLink('y');
    answer({ access: access() });
    assert.equal((await again).sub, '7');
  },

  async clients_of_one_process_are_several_peoples() {
    const engine = await standIn({ 'exchange/': ({ body }) => tokens({ sub: body.token }), 'token/revoke/': {} });
    const [ann, bob] = [createClient({ url: engine.url }), createClient({ url: engine.url })];
    await ann.exchangeLink('ann');
    await bob.exchangeLink('bob');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual([(await ann.session()).sub, (await bob.session()).sub], ['ann', 'bob']);
    await bob.logout();
    assert.equal((await ann.session()).sub, 'ann');
    // Unless they are told to be one.
    const [one, other] = [createClient({ url: engine.url, tabs: true }), createClient({ url: engine.url, tabs: true })];
    await one.exchangeLink('carl');
    assert.equal((await other.session()).sub, 'carl');
  },

  async storage_may_be_anything_and_may_fail() {
    const engine = await standIn({ 'request/email/': SENT, 'exchange/email/': () => tokens(), 'token/refresh/': () => ({ access: access() }), 'token/revoke/': {} });
    const held = new Map();
    const storage = { getItem: (key) => held.get(key) ?? null, setItem: (key, value) => held.set(key, value), removeItem: (key) => held.delete(key) };
    const first = createClient({ url: engine.url, storage });
    await first.request({ email: 'ann@example.com' });
    const reloaded = createClient({ url: engine.url, storage });
    assert.equal(reloaded.challenge.envelope, 'e.n.v');
    await reloaded.exchange('123456');
    const text = JSON.stringify([...held.values()]);
    assert.ok(text.includes('r1') && !text.includes('.sig'), text);
    assert.ok(!text.includes('ann@'), 'the challenge was redeemed');
    const again = createClient({ url: engine.url, storage });
    assert.equal((await again.session()).sub, '42');
    await again.logout();
    assert.equal(held.size, 0);
    for (const value of ['', 'null', '7', '"x"', '[]', '{', '{"at":"x"}', '{"at":1e99}', '{"at":1}']) {
      const odd = createClient({ url: engine.url, storage: { ...storage, getItem: () => value } });
      assert.equal(await odd.session(), null, value);
      await odd.request({ email: 'ann@example.com' });
      assert.equal((await odd.exchange('123456')).sub, '42', value);
    }
    const fail = () => {
      throw new Error('forbidden');
    };
    const broken = createClient({ url: engine.url, storage: { getItem: fail, setItem: fail, removeItem: fail } });
    await broken.request({ email: 'ann@example.com' });
    assert.equal((await broken.exchange('123456')).sub, '42');
  },

  async never_keeps_the_process_alive() {
    const engine = await standIn({ 'exchange/': () => tokens() });
    for (const tabs of [false, true]) {
      const script = `import { createClient } from ${JSON.stringify(module)};
        const auth = createClient({ url: ${JSON.stringify(engine.url)}, tabs: ${tabs} });
        auth.onChange(() => {});
        await auth.exchangeLink('x');
        console.log((await auth.session()).sub);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 20_000 });
      let printed = '';
      child.stdout.on('data', (chunk) => (printed += chunk));
      const [code, signal] = await once(child, 'close');
      assert.deepEqual([printed, code, signal], ['42\n', 0, null]);
    }
  },
};

await scenarios[process.argv[2]]();
process.exit(0);
