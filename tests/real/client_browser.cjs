// The JavaScript client in Chromium: client_browser.cjs SCENARIO, with { url, mail, chromium, base } as JSON on stdin, against a
// running engine. A scenario fails by throwing. Nothing here waits for a time.

const assert = require('node:assert/strict');
const fs = require('node:fs');

const { inChromium } = require('./chromium.cjs');
const { openMailbox, codeIn, linkIn } = require('./mailbox.cjs');

const given = JSON.parse(fs.readFileSync(0, 'utf8'));
const { url } = given;
const engine = `${url}/passwordless`;
const MODULE = `${engine}/assets/countersign.js`;
/** A page of another origin of this machine, which `server.cors_origins` names: it has no server, the tests answer for it. */
const APP = 'http://localhost:7999';

// ── Pages with a client ──────────────────────────────────────────────────────────────────────────────────────────────

/** A tab at a page of ours, under its policy, that has made a client. */
async function tab(context, options, at = `${engine}/login`) {
  const page = await context.newPage();
  await page.goto(at);
  await client(page, options);
  return page;
}

async function client(page, options) {
  await page.evaluate(async ([module, options]) => {
    const { createClient, CountersignError } = await import(module);
    globalThis.auth = createClient(options);
    globalThis.CountersignError = CountersignError;
    globalThis.seen = [];
    globalThis.auth.onChange((session) => globalThis.seen.push(session && session.sub));
  }, [MODULE, { url: engine, session: 'token', ...options }]);
}

async function app(context, options) {
  await context.route(`${APP}/**`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>App</title>' }));
  return tab(context, options, `${APP}/`);
}

/** Calls a method of a tab's client; what it throws is `{ error }`. */
function ask(page, method, ...values) {
  return page.evaluate(async ([method, values]) => {
    try {
      return await globalThis.auth[method](...values);
    } catch (error) {
      const { name, status, code, retryAfter, fields, message } = error;
      return { error: { name, status, code, retryAfter, fields, message, isOurs: error instanceof globalThis.CountersignError } };
    }
  }, [method, values]);
}

async function signIn(page, address = 'ann@example.com') {
  const sent = await ask(page, 'request', { email: address });
  assert.equal(sent.codeLength, 6, JSON.stringify(sent));
  return ask(page, 'exchange', codeIn(await mail(address)));
}

const seen = (page) => page.evaluate(() => globalThis.seen);
const hears = (page, subject) => page.waitForFunction((subject) => globalThis.seen.at(-1) === subject, subject);

/** From now on a tab's clock goes differently. */
function shiftClock(page, seconds) {
  return page.evaluate((seconds) => {
    const real = Date.now;
    Date.now = () => real() + 1000 * seconds;
  }, seconds);
}

/** What is posted below the base path from now on, as it grows. */
function posts(context) {
  const all = [];
  context.on('request', (request) => {
    if (request.method() === 'POST' && request.url().startsWith(engine)) {
      all.push({ path: request.url().slice(engine.length + 1), body: JSON.parse(request.postData() ?? 'null') });
    }
  });
  return all;
}

const paths = (all) => all.map(({ path }) => path);

// ── What the server sends ────────────────────────────────────────────────────────────────────────────────────────────

const mail = openMailbox(given.mail);
const tokenIn = (text) => decodeURIComponent(linkIn(text).split('#')[1]);

/** Past the ceiling of messages: `request` meets a puzzle. */
async function fillTheCeiling(page, address) {
  for (let count = 0; count < 2; count += 1) {
    const answer = await page.request.post(`${engine}/request/email/`, { data: { email: address } });
    assert.equal(answer.status(), 200);
    await mail(address);
  }
}

// ── A stand-in for a session of cookies ──────────────────────────────────────────────────────────────────────────────

const SESSION = { sub: '42', channel: 'email', recipient: 'a…@example.com', amr: ['otp'], auth_time: 1_800_000_000, expires_at: 1_800_604_800, sid: 's' };
const OURS = { sub: '42', channel: 'email', recipient: 'a…@example.com', amr: ['otp'], authTime: 1_800_000_000, expiresAt: 1_800_604_800, sid: 's' };

const scenarios = {
  async puzzles_are_solved_in_a_worker_that_the_pages_policy_allows({ context }) {
    const page = await tab(context);
    await fillTheCeiling(page, 'ann@example.com');
    const workers = [];
    page.on('worker', (worker) => workers.push(worker));
    const sent = posts(context);
    const session = await signIn(page);
    assert.equal(session.sub, 'ann@example.com');
    assert.deepEqual(paths(sent), ['request/email/', 'request/email/', 'exchange/email/']);
    assert.equal(JSON.parse(atob(sent[1].body.puzzle)).algorithm, 'SHA-256');
    assert.deepEqual(workers.map((worker) => worker.url()), [MODULE]);
    assert.deepEqual(page.workers(), [], 'it has ended');
  },

  async puzzles_are_solved_in_slices_where_no_worker_can_be_had({ context }) {
    const page = await app(context);
    await fillTheCeiling(page, 'bob@example.com');
    const workers = [];
    page.on('worker', (worker) => workers.push(worker));
    const sent = posts(context);
    assert.equal((await signIn(page, 'bob@example.com')).sub, 'bob@example.com');
    assert.ok(sent[1].body.puzzle);
    assert.deepEqual(workers, [], 'a script of another origin');
  },

  async a_bundle_finds_the_worker_at_the_engine({ context }) {
    const source = fs.readFileSync(given.module, 'utf8');
    await context.route(`${url}/app-1a2b3c.js`, (route) => route.fulfill({ contentType: 'text/javascript', body: source }));
    const page = await context.newPage();
    await page.goto(`${engine}/login`);
    await page.evaluate(async ([module, engine]) => {
      const { createClient, CountersignError } = await import(module);
      Object.assign(globalThis, { auth: createClient({ url: engine, session: 'token' }), CountersignError });
    }, [`${url}/app-1a2b3c.js`, engine]);
    await fillTheCeiling(page, 'ann@example.com');
    const workers = [];
    page.on('worker', (worker) => workers.push(worker.url()));
    assert.equal((await signIn(page)).sub, 'ann@example.com');
    assert.deepEqual(workers, [MODULE], 'never the bundle: it would run the app once more');
  },

  async an_app_of_another_origin_logs_in_renews_and_logs_out({ context }) {
    const page = await app(context);
    const sent = posts(context);
    const session = await signIn(page);
    assert.equal(session.sub, 'ann@example.com');
    // Headers that only named origins may read.
    await ask(page, 'request', { email: 'carl@example.com' });
    const refused = await ask(page, 'request', { email: 'carl@example.com' });
    assert.deepEqual([refused.error.code, refused.error.retryAfter > 0, refused.error.isOurs], ['throttled', true, true]);
    const before = await ask(page, 'accessToken');
    await shiftClock(page, 280);
    const after = await ask(page, 'accessToken');
    assert.notEqual(after, before);
    const checked = await page.evaluate(async (engine) => {
      const answer = await globalThis.auth.fetch(`${engine}/token/verify/`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token: await globalThis.auth.accessToken() }),
      });
      return answer.status;
    }, engine);
    assert.equal(checked, 200);
    assert.deepEqual(paths(sent), ['request/email/', 'exchange/email/', 'request/email/', 'request/email/', 'token/refresh/', 'token/verify/']);
    const invalid = await ask(page, 'request', { email: 'ann' });
    assert.deepEqual([invalid.error.code, invalid.error.fields.email], ['invalid', ['Enter a valid email address.']]);
  },

  async an_app_of_an_origin_that_is_not_named_reaches_nothing({ context }) {
    await context.route('http://localhost:7998/**', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
    // The module is everybody's; answers aren't.
    const page = await tab(context, {}, 'http://localhost:7998/');
    assert.deepEqual((await ask(page, 'request', { email: 'ann@example.com' })).error.code, 'unreachable');
  },

  async tabs_hear_of_sign_in_and_sign_out({ context }) {
    await context.route('**/token/revoke/', (route) => route.fulfill({ json: {} }));
    const [first, second] = [await tab(context), await tab(context)];
    assert.deepEqual([await ask(first, 'session'), await ask(second, 'session')], [null, null]);
    const sent = posts(context);
    await signIn(first);
    await hears(second, 'ann@example.com');
    assert.equal(await ask(second, 'accessToken'), await ask(first, 'accessToken'));
    assert.deepEqual((await ask(second, 'session')), await ask(first, 'session'));
    // A tab that opens later asks those that are there.
    const third = await tab(context);
    assert.equal((await ask(third, 'session')).sub, 'ann@example.com');
    assert.deepEqual(paths(sent), ['request/email/', 'exchange/email/']);
    // So does whoever isn't told everything: another URL is another session.
    const apart = await tab(context, { url: `${url}/elsewhere` });
    assert.equal(await ask(apart, 'session'), null);

    await ask(second, 'logout');
    for (const page of [first, third]) await hears(page, null);
    for (const page of [first, second, third]) assert.equal(await ask(page, 'accessToken'), null);
    assert.deepEqual(await seen(first), ['ann@example.com', null]);
    assert.deepEqual(await seen(second), ['ann@example.com', null]);
    for (const page of [first, second, third]) assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.deepEqual(paths(sent).at(-1), 'token/revoke/');
  },

  async tabs_that_renew_together_renew_once({ context }) {
    const [first, second, third] = [await tab(context), await tab(context), await tab(context)];
    await signIn(first);
    for (const page of [second, third]) await hears(page, 'ann@example.com');
    const old = await ask(first, 'accessToken');
    for (const page of [first, second, third]) await shiftClock(page, 280);
    const sent = posts(context);
    // The engine's answer takes a while, in which the others wait.
    await context.route('**/token/refresh/', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      await route.continue();
    });
    const renewed = await Promise.all([first, second, third, first].map((page) => ask(page, 'accessToken')));
    assert.equal(new Set(renewed).size, 1);
    assert.notEqual(renewed[0], old);
    assert.deepEqual(paths(sent), ['token/refresh/']);
  },

  async a_tab_that_slept_takes_the_tokens_of_those_that_did_not({ context }) {
    let count = 0;
    await context.route('**/token/refresh/', async (route) => {
      const { refresh } = route.request().postDataJSON();
      const answer = await (await route.fetch()).json();
      count += 1;
      await route.fulfill({ json: { ...answer, refresh } });
    });
    const first = await tab(context);
    await signIn(first);
    const second = await tab(context);
    assert.equal((await ask(second, 'session')).sub, 'ann@example.com');
    // It is dropped from memory, and comes back with what it had stored.
    const stored = await second.evaluate(() => ({ ...sessionStorage }));
    assert.equal(Object.keys(stored).length, 1);
    await second.goto('about:blank');
    await shiftClock(first, 280);
    const fresh = await ask(first, 'accessToken');
    assert.equal(count, 1);
    await second.goto(`${engine}/login`);
    await client(second);
    assert.equal(await ask(second, 'accessToken'), fresh);
    assert.equal(count, 1, 'it renewed for itself');
  },

  async only_the_refresh_token_is_stored_and_only_if_wanted({ context }) {
    const page = await tab(context);
    await signIn(page);
    const access = await ask(page, 'accessToken');
    const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    assert.ok(stored.includes('refresh') && !stored.includes(access) && !stored.includes('ann@'), stored);
    await page.reload();
    await client(page, { tabs: false });
    assert.equal((await ask(page, 'session')).sub, 'ann@example.com', 'it survives a reload');

    const other = await tab(context, { tabs: false, storage: null });
    await signIn(other, 'bob@example.com');
    assert.equal(await other.evaluate(() => localStorage.length + sessionStorage.length), 0);
    await other.reload();
    await client(other, { tabs: false, storage: null });
    assert.equal(await ask(other, 'session'), null);
  },

  async a_reload_between_request_and_code_loses_nothing({ context }) {
    const page = await tab(context);
    await ask(page, 'request', { email: 'ann@example.com' });
    await page.reload();
    await client(page);
    const sent = posts(context);
    const again = await ask(page, 'request', { email: 'ann@example.com' });
    assert.equal(again.error.code, 'throttled');
    assert.equal(sent.length, 1, 'it knows that it asked');
    assert.equal((await ask(page, 'exchange', codeIn(await mail('ann@example.com')))).sub, 'ann@example.com');
  },

  async a_link_signs_in({ context }) {
    const page = await tab(context);
    await ask(page, 'request', { email: 'ann@example.com' });
    const link = tokenIn(await mail('ann@example.com'));
    assert.deepEqual(await ask(page, 'status', { token: link }), { state: 'open', recipient: 'a…@example.com' });
    assert.deepEqual(await ask(page, 'status'), { state: 'open', recipient: 'a…@example.com' });
    assert.equal((await ask(page, 'exchangeLink', link)).sub, 'ann@example.com');
    assert.equal((await ask(page, 'exchangeLink', link)).error.code, 'challenge_spent');
  },

  async where_storage_and_channels_are_forbidden_it_works({ context }) {
    const page = await context.newPage();
    await page.addInitScript(() => {
      delete globalThis.BroadcastChannel;
      Object.defineProperty(navigator, 'locks', { value: undefined });
      Object.defineProperty(globalThis, 'sessionStorage', { get() { throw new DOMException('no', 'SecurityError'); } });
    });
    await page.goto(`${engine}/login`);
    await client(page);
    assert.equal((await signIn(page)).sub, 'ann@example.com');
    await shiftClock(page, 280);
    assert.match(await ask(page, 'accessToken'), /^ey/);
  },

  async a_frame_without_an_origin_works({ context }) {
    const page = await context.newPage();
    await context.route(`${APP}/**`, (route) => route.fulfill({
      contentType: 'text/html',
      body: `<!doctype html><iframe sandbox="allow-scripts" srcdoc="<script type=module>
        const { createClient } = await import('${MODULE}');
        const auth = createClient({ url: '${engine}', session: 'token' });
        parent.postMessage(await auth.session() === null ? 'nobody' : 'somebody', '*');
      </script>"></iframe><script>onmessage = ({ data }) => { document.title = data; };</script>`,
    }));
    await page.goto(`${APP}/`);
    await page.waitForFunction(() => document.title === 'nobody');
  },

  async the_module_is_a_guest_in_workers_of_others({ context }) {
    const page = await tab(context);
    const answer = await page.evaluate(async (module) => {
      // An app's own worker may import the client: it answers to nothing then.
      const script = URL.createObjectURL(new Blob([`import '${module}'; postMessage(typeof onmessage === 'object' && onmessage === null);`], { type: 'text/javascript' }));
      return new Promise((resolve) => {
        const worker = new Worker(script, { type: 'module' });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = () => resolve('blocked');
      });
    }, MODULE);
    // Our pages' policy allows no blob: in an app of another origin it runs.
    assert.equal(answer, 'blocked');
    const other = await app(context);
    assert.equal(await other.evaluate(async (module) => {
      const script = URL.createObjectURL(new Blob([`import '${module}'; postMessage(onmessage === null);`], { type: 'text/javascript' }));
      return new Promise((resolve) => {
        const worker = new Worker(script, { type: 'module', name: 'of the app' });
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = () => resolve('blocked');
      });
    }, MODULE), true);
  },

  async cookies_are_named_to_the_engine_as_the_contract_says({ context }) {
    const got = [];
    let session = null;
    const reply = (status, json) => ({ status, json, contentType: status < 400 ? 'application/json' : 'application/problem+json' });
    const nobody = reply(401, { code: 'no_session', detail: 'x', status: 401 });
    await context.route(/\/passwordless\/(exchange|session|logout|things)\b/, (route) => {
      const request = route.request();
      const where = request.url().slice(engine.length + 1);
      got.push([request.method(), where, JSON.parse(request.postData() ?? 'null')]);
      if (where.startsWith('exchange/')) session = SESSION;
      if (where.startsWith('exchange/')) return route.fulfill(reply(200, { session, return_to: request.postDataJSON().return_to }));
      if (where === 'logout/') session = null;
      if (where === 'logout/') return route.fulfill(reply(200, { pending: 1 }));
      if (where === 'things') return route.fulfill(reply(got.filter(([, path]) => path === 'things').length % 2 ? 401 : 200, {}));
      return route.fulfill(session ? reply(200, session) : nobody);
    });
    const [page, other] = [await tab(context, { session: 'cookie' }), await tab(context, { session: undefined })];
    assert.equal(await ask(page, 'session'), null);
    assert.equal(await ask(other, 'session'), null);
    got.length = 0;
    await ask(page, 'request', { email: 'ann@example.com' });
    const signedIn = await ask(page, 'exchange', '123456', { returnTo: 'https://app.example.com/' });
    assert.deepEqual(signedIn, { ...OURS, returnTo: 'https://app.example.com/' });
    const { challenge, ...body } = got[0][2];
    assert.deepEqual([got[0].slice(0, 2), body], [['POST', 'exchange/email/'], { email: 'ann@example.com', token: '123456', session: true, return_to: 'https://app.example.com/' }]);
    assert.match(challenge, /^ey/);
    await hears(other, '42');
    got.length = 0;
    // Parallel calls are one.
    const all = await page.evaluate(() => Promise.all([1, 2, 3].map(() => globalThis.auth.session())));
    assert.deepEqual(all, [OURS, OURS, OURS]);
    assert.deepEqual(got, [['GET', 'session/', null]]);
    assert.equal(await ask(page, 'accessToken'), null);
    // A 401 renews, and asks once again.
    got.length = 0;
    const status = await page.evaluate(async (engine) => (await globalThis.auth.fetch(`${engine}/things`)).status, engine);
    assert.deepEqual([status, got], [200, [['GET', 'things', null], ['POST', 'session/renew/', {}], ['GET', 'things', null]]]);
    got.length = 0;
    assert.deepEqual(await ask(page, 'logout', { everywhere: true }), { pending: 1 });
    assert.deepEqual(got, [['POST', 'logout/', { everywhere: true }]]);
    await hears(other, null);
    assert.deepEqual(await seen(page), ['42', null]);
    assert.deepEqual(await seen(other), ['42', null]);
    // Whoever was signed out elsewhere hears of it when he asks; an outage is no sign-out.
    session = SESSION;
    await ask(page, 'session');
    await hears(other, '42');
    await context.route(/\/passwordless\/session\//, (route) => route.fulfill(reply(503, { code: 'unavailable', status: 503 })));
    assert.equal((await ask(page, 'session')).error.status, 503);
    assert.deepEqual(await seen(page), ['42', null, '42']);
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  },

  async a_session_in_a_cookie_is_one_for_all_tabs_and_apps_of_a_site({ context }) {
    const [page, other] = [await tab(context, { session: undefined }), await app(context, { session: 'cookie' })];
    assert.deepEqual([await ask(page, 'session'), await ask(other, 'session')], [null, null]);
    const session = await signIn(page);
    const { sub, recipient, channel, amr, authTime, expiresAt, sid } = session;
    assert.deepEqual([sub, recipient, channel, amr], ['ann@example.com', 'a…@example.com', 'email', ['otp']]);
    assert.ok(expiresAt - authTime === 604_800 && sid);
    // An app of another origin of this site has the same one; no script has a token.
    assert.deepEqual(await ask(other, 'session'), session);
    assert.equal(await ask(page, 'accessToken'), null);
    assert.equal(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]).length), '[{},{}]'.length);
    const cookies = await context.cookies();
    assert.ok(cookies.filter(({ name }) => /session|access/.test(name)).every(({ httpOnly }) => httpOnly));
    // A 401 of an API renews the access cookie.
    await context.clearCookies({ name: 'countersign_access' });
    let count = 0;
    await context.route(`${engine}/things`, (route) => route.fulfill({ status: (count += 1) === 1 ? 401 : 200, json: {} }));
    assert.equal(await page.evaluate(async (things) => (await globalThis.auth.fetch(things)).status, `${engine}/things`), 200);
    assert.ok((await context.cookies()).some(({ name }) => name === 'countersign_access'));
    // Where it may lead back is the engine's to say.
    const back = await tab(context, { session: 'cookie' });
    await ask(back, 'request', { email: 'bob@example.com' });
    const code = codeIn(await mail('bob@example.com'));
    const refused = await ask(back, 'exchange', code, { returnTo: 'https://evil.example/' });
    assert.deepEqual([refused.error.status, Object.keys(refused.error.fields)], [400, ['return_to']]);
    assert.equal((await ask(back, 'exchange', code, { returnTo: `${APP}/x` })).returnTo, `${APP}/x`);
    await hears(page, 'bob@example.com');

    assert.deepEqual(await ask(other, 'logout'), { pending: 0 });
    assert.equal(await ask(page, 'session'), null);
    await hears(back, null);
    assert.deepEqual(await seen(page), ['ann@example.com', 'bob@example.com', null]);
    assert.ok((await context.cookies()).every(({ name }) => !/session|access/.test(name)));
  },

  async a_sign_out_everywhere_ends_the_tokens_of_other_browsers({ browser, context }) {
    const page = await tab(context);
    await signIn(page);
    const elsewhere = await tab(await browser.newContext());
    await ask(elsewhere, 'request', { email: 'ann@example.com' });
    await ask(elsewhere, 'exchange', codeIn(await mail('ann@example.com')));
    assert.deepEqual(await ask(elsewhere, 'logout', { everywhere: true }), { pending: 0 });
    await shiftClock(page, 280);
    assert.equal(await ask(page, 'session'), null);
  },

  async cookies_go_to_named_origins_only({ context }) {
    // Ports are no sites, so that only what the client asks for keeps the cookie back.
    await context.addCookies([{ name: 'ours', value: '1', url: 'http://localhost' }]);
    const got = {};
    for (const [port, name] of [[7997, 'named'], [7996, 'stranger']]) {
      await context.route(`http://localhost:${port}/**`, async (route) => {
        got[name] = (await route.request().allHeaders()).cookie;
        await route.fulfill({ json: {}, headers: { 'Access-Control-Allow-Origin': APP, 'Access-Control-Allow-Credentials': 'true' } });
      });
    }
    const page = await app(context, { session: 'cookie', origins: ['http://localhost:7997'] });
    await page.evaluate(async () => {
      await globalThis.auth.fetch('http://localhost:7997/x');
      await globalThis.auth.fetch('http://localhost:7996/x');
    });
    assert.deepEqual(got, { named: 'ours=1', stranger: undefined });
    await page.evaluate(() => globalThis.auth.fetch('http://localhost:7997/x', { credentials: 'omit' }));
    assert.equal(got.named, undefined, 'whoever says otherwise is heard');
  },

  async bodies_of_every_kind_are_sent_again({ context }) {
    const page = await tab(context);
    await signIn(page);
    const got = [];
    await context.route('**/things', (route) => {
      got.push(route.request().postData());
      return route.fulfill({ status: got.length % 2 ? 401 : 200, json: {} });
    });
    const statuses = await page.evaluate(async (things) => {
      const form = new FormData();
      form.set('a', 'b');
      const bodies = ['text', new Blob(['blob']), new TextEncoder().encode('bytes'), new URLSearchParams('a=b'), form];
      const found = [];
      for (const body of bodies) found.push((await globalThis.auth.fetch(things, { method: 'POST', body })).status);
      found.push((await globalThis.auth.fetch(new Request(things, { method: 'PUT', body: 'of a request' }))).status);
      return found;
    }, `${engine}/things`);
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 200]);
    for (let at = 0; at < got.length; at += 2) assert.equal(got[at + 1], got[at]);
    assert.deepEqual([got[0], got[2], got[4], got[6], got[10]], ['text', 'blob', 'bytes', 'a=b', 'of a request']);
  },

  async a_base_element_leads_no_token_elsewhere({ context }) {
    const page = await app(context, { url: engine, origins: [APP] });
    await signIn(page);
    const got = {};
    for (const [origin, name] of [[APP, 'own'], ['http://localhost:7996', 'stranger']]) {
      await context.route(`${origin}/api`, async (route) => {
        got[name] = (await route.request().allHeaders()).authorization;
        await route.fulfill({ json: {}, headers: { 'Access-Control-Allow-Origin': APP } });
      });
    }
    await page.evaluate(() => globalThis.auth.fetch('/api'));
    assert.match(got.own, /^Bearer ey/);
    await page.evaluate(() => {
      const base = document.createElement('base');
      base.href = 'http://localhost:7996/';
      document.head.append(base);
      return globalThis.auth.fetch('/api');
    });
    assert.deepEqual([got.stranger, Object.keys(got)], [undefined, ['own', 'stranger']]);
  },

  async a_service_worker_has_the_session_of_its_tabs({ context }) {
    const script = `import { createClient } from '${MODULE}';
      const auth = createClient({ url: '${engine}', session: 'token' });
      addEventListener('activate', (event) => event.waitUntil(clients.claim()));
      addEventListener('fetch', (event) => {
        if (new URL(event.request.url).pathname === '/passwordless/token/verify/who') event.respondWith(
          auth.accessToken().then((token) => Response.json({ token })));
        else if (event.request.url.endsWith('/things')) event.respondWith(auth.fetch(event.request));
      });`;
    await context.route(`${engine}/worker.js`, (route) => route.fulfill({ contentType: 'text/javascript', body: script, headers: { 'Service-Worker-Allowed': '/' } }));
    let shown;
    await context.route('**/things', async (route) => {
      shown = (await route.request().allHeaders()).authorization;
      await route.fulfill({ json: {} });
    });
    const page = await tab(context);
    await signIn(page);
    await page.evaluate(async (engine) => {
      await navigator.serviceWorker.register(`${engine}/worker.js`, { type: 'module', scope: '/' });
      await navigator.serviceWorker.ready;
      if (!navigator.serviceWorker.controller) await new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve));
    }, engine);
    const { token } = await page.evaluate(async (engine) => (await fetch(`${engine}/token/verify/who`)).json(), engine);
    assert.equal(token, await ask(page, 'accessToken'));
    await page.evaluate((engine) => fetch(`${engine}/things`, { method: 'POST', body: 'x' }), engine);
    assert.equal(shown, `Bearer ${token}`);
  },
};

// ── Running one ──────────────────────────────────────────────────────────────────────────────────────────────────────

// So that what a service worker fetches is routed, too.
process.env.PW_EXPERIMENTAL_SERVICE_WORKER_NETWORK_EVENTS = '1';
inChromium(given.chromium, ({ browser, context }) => scenarios[process.argv[2]]({ browser, context }));
