// A person at the pages, in Chromium: browser.cjs SCENARIO, with {url, mail, sms, options} as JSON on stdin.
//
// A scenario fails by throwing. Nothing here waits for a time: Playwright waits for what should appear.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');

const { inChromium } = require('./chromium.cjs');
const { openMailbox, codeIn, linkIn } = require('./mailbox.cjs');

const given = JSON.parse(fs.readFileSync(0, 'utf8'));
const { url } = given;
const PHONE = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };

// ── What a person sees ───────────────────────────────────────────────────────────────────────────────────────────────

const emailField = (page) => page.getByLabel('E-mail address', { exact: true });
const codeField = (page) => page.getByLabel(/^Code/);
const signedIn = (page) => page.getByRole('heading', { name: 'Signed in', exact: true });
const complaint = (page) => page.getByRole('alert');

async function ask(page, address) {
  await page.goto(url);
  await emailField(page).fill(address);
  await page.getByRole('button', { name: 'Send code' }).click();
  await codeField(page).waitFor();
}

/** Digits send themselves. */
async function enter(page, code) {
  await codeField(page).fill(code);
  if (!/^\d{6}$/.test(code)) await page.getByRole('button', { name: 'Sign in' }).click();
}

/** The next thing that a page POSTs below the base path: where to, and the fields. */
async function posted(page, path) {
  const request = await page.waitForRequest((request) => request.method() === 'POST' && request.url().includes(path));
  return JSON.parse(request.postData());
}

/** All that a page POSTs from now on, as it grows: `{ path, body }`. */
function posts(page, counts = () => true) {
  const all = [];
  page.on('request', (request) => {
    const path = new URL(request.url()).pathname.replace('/passwordless/', '');
    if (request.method() === 'POST' && counts(path)) all.push({ path, body: JSON.parse(request.postData()) });
  });
  return all;
}

/** All but its looks at what became of a challenge: those come with the time. */
function deeds(page) {
  return posts(page, (path) => path !== 'status/');
}

/** From now on the page's time passes only where a scenario says so. */
async function stopTheClock(page) {
  const now = Date.now();
  await page.clock.install({ time: now });
  await page.clock.pauseAt(now + 1000);
}

/** Lets a page whose clock stands still look once what became of its challenge, and tell. */
async function learns(page, told) {
  const looked = page.waitForResponse('**/status/').then((response) => response.finished());
  await page.clock.runFor(5_000);
  await looked;
  // Another tab of this browser would speak up within a second.
  for (let turn = 0; !(await told.isVisible()); turn += 1) {
    assert.ok(turn < 100, 'it was not told');
    await page.clock.runFor(100);
  }
}

async function elsewhere(context, options = {}) {
  return (await context.browser().newContext(options)).newPage();
}

const getCode = (page) => page.getByRole('link', { name: 'Get a new code' });
const signIn = (page) => page.getByRole('button', { name: 'Sign in' });

async function claims(page) {
  await signedIn(page).waitFor();
  return page.$$eval('#claims dt', (terms) =>
    Object.fromEntries(terms.map((term) => [term.textContent, term.nextElementSibling.firstChild.textContent])));
}

async function says(page, words) {
  await page.waitForFunction(
    (source) => new RegExp(source).test(document.querySelector('[role=alert]').textContent), words.source);
}

/** From now on the code isn't judged; returns what is sent, as it grows. */
async function refuseExchanges(page) {
  const sent = [];
  await page.route('**/exchange/**', (route) => {
    sent.push(JSON.parse(route.request().postData()).token);
    return route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"code":"unavailable"}' });
  });
  return sent;
}

// ── What the server sends ────────────────────────────────────────────────────────────────────────────────────────────

const mail = openMailbox(given.mail);
const another = (code) => code.replace(/./g, (digit) => (digit === '9' ? '8' : '9'));

// ── Scenarios ────────────────────────────────────────────────────────────────────────────────────────────────────────

const scenarios = {
  async logs_in({ page }) {
    await ask(page, 'ann@example.com');
    await enter(page, codeIn(await mail('ann@example.com')));
    const found = await claims(page);
    assert.equal(found.sub, 'ann@example.com');
    assert.equal(found.iss, url);
    assert.equal(found.amr, '["otp"]');
  },

  async shows_claims_of_paseto({ page }) {
    await ask(page, 'ann@example.com');
    await enter(page, codeIn(await mail('ann@example.com')));
    assert.equal((await claims(page)).sub, 'ann@example.com');
  },

  async says_that_a_local_paseto_is_opaque({ page }) {
    await ask(page, 'ann@example.com');
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
    await page.getByText('The access token is encrypted').waitFor();
  },

  async counts_attempts({ page }) {
    await ask(page, 'ann@example.com');
    const code = codeIn(await mail('ann@example.com'));
    await enter(page, another(code));
    await says(page, /2 attempts left/);
    await enter(page, '123');
    await says(page, /has 6 digits/);
    await enter(page, another(code));
    await says(page, /1 attempt left/);
    await enter(page, another(code));
    await says(page, /No attempts left/);
    assert.equal(await complaint(page).count(), 1);
    await page.getByRole('button', { name: 'Get a new code' }).click();
    await page.waitForFunction(() => document.querySelector('[role=alert]').textContent === '');
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
  },

  async says_that_a_code_was_used({ page, context }) {
    await ask(page, 'ann@example.com');
    const code = codeIn(await mail('ann@example.com'));
    const other = await context.newPage();
    await other.goto(url);
    const cookies = await context.cookies();
    const challenge = cookies.find(({ name }) => name === 'countersign_challenge').value;
    const answer = await other.request.post(`${url}/passwordless/exchange/email/`, {
      data: { email: 'ann@example.com', token: code, challenge },
    });
    assert.equal(answer.status(), 200);
    await enter(page, code);
    await says(page, /has been used already/);
  },

  async pastes({ page, context }) {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await ask(page, 'ann@example.com');
    const code = codeIn(await mail('ann@example.com'));
    await page.evaluate((text) => navigator.clipboard.writeText(text), `${code.slice(0, 3)}-${code.slice(3)}\n`);
    await codeField(page).press('Control+V');
    await signedIn(page).waitFor();
  },

  async reads_the_code_in_what_people_paste({ page }) {
    await ask(page, 'ann@example.com');
    const message = await mail('ann@example.com');
    const code = codeIn(message);
    const [left, right] = [code.slice(0, 3), code.slice(3)];
    const inScript = (zero) => code.replace(/./g, (digit) => String.fromCodePoint(zero + Number(digit)));
    const sent = await refuseExchanges(page);
    const texts = [
      code, `${left} ${right}`, `${left}-${right}\n`, `${left}\u2013${right}`, `${left} - ${right}`, [...code].join(' '), [...code].join('.'),
      `\u00a0${code}\u3000`, `\ufeff${code}`, `${left}\u200b${right}`, `\u200e${code}\u200f`, `\u2066${code}\u2069`, `${left}\u00ad${right}`,
      inScript(0x660), inScript(0x6f0), inScript(0x966), inScript(0xff10), inScript(0x1d7ce), [...code].join('\ufe0f\u20e3'),
      `Your code is ${code}.`, `Code: ${left} ${right} (10 minutes)`, `${code} is your code for example.com\n\n@example.com #${code}`,
      `2026-11-30 ${code}`, message,
    ];
    for (const [index, text] of texts.entries()) {
      await codeField(page).fill('');
      await codeField(page).fill(text);
      await says(page, /can’t answer just now/);
      assert.deepEqual([sent.length, sent.at(-1)], [index + 1, code], JSON.stringify(text));
      await codeField(page).fill('');
      await codeField(page).evaluate(() => { document.querySelector('[role=alert]').textContent = ''; });
    }
    for (const text of ['2026-11-30', code.slice(1), `${code}7`, 'my code']) {
      await codeField(page).fill(text);
      await page.keyboard.press('Enter');
      await says(page, text === 'my code' ? /Enter the code first/ : /has 6 digits/);
    }
    assert.equal(sent.length, texts.length, 'what is no code was sent');
  },

  async reads_letters_in_what_people_paste({ page }) {
    await ask(page, 'ann@example.com');
    const code = codeIn(await mail('ann@example.com'), 8);
    const [left, right] = [code.slice(0, 4), code.slice(4)];
    const sent = await refuseExchanges(page);
    const fullWidth = code.replace(/./g, (letter) => String.fromCodePoint(letter.codePointAt(0) + 0xfee0));
    const texts = [code.toLowerCase(), `${left}-${right}`, `${left}\u200b ${right}`, fullWidth, `Your code is ${left} ${right}.`, `Login: ${code}, 10 minutes`];
    for (const text of texts) {
      await codeField(page).fill(text);
      assert.equal(await signIn(page).isEnabled(), true);
      await page.keyboard.press('Enter');
      await says(page, /can’t answer just now/);
      assert.equal(sent.at(-1), code, JSON.stringify(text));
      await codeField(page).evaluate(() => { document.querySelector('[role=alert]').textContent = ''; });
    }
    assert.equal(sent.length, texts.length);
  },

  async takes_a_link_that_was_pasted_as_a_code({ page }) {
    await ask(page, 'ann@example.com');
    await enter(page, `<${linkIn(await mail('ann@example.com'))}>.`);
    assert.equal((await claims(page)).sub, 'ann@example.com');
  },

  async works_by_keyboard_alone({ page }) {
    await page.goto(url);
    await page.keyboard.type('ann@example.com');
    await page.keyboard.press('Enter');
    await codeField(page).waitFor();
    const code = codeIn(await mail('ann@example.com'));
    await page.keyboard.type(another(code));
    await page.keyboard.press('Enter');
    await says(page, /attempts left/);
    await page.keyboard.type(code);
    await page.keyboard.press('Enter');
    await signedIn(page).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Signed in');
  },

  async fits_a_phone({ browser }) {
    for (const colorScheme of ['light', 'dark']) {
      const context = await browser.newContext({ ...PHONE, colorScheme });
      const page = await context.newPage();
      const fits = async () => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'scrolls sideways');
      await page.goto(url);
      await fits();
      await emailField(page).tap();
      await emailField(page).fill(`ann+${colorScheme}@example.com`);
      await page.getByRole('button', { name: 'Send code' }).tap();
      assert.equal(await codeField(page).getAttribute('autocomplete'), 'one-time-code');
      assert.equal(await codeField(page).getAttribute('inputmode'), 'numeric');
      await fits();
      const size = await codeField(page).evaluate((field) => Number.parseFloat(getComputedStyle(field).fontSize));
      assert.ok(size >= 16, 'a phone would zoom in');
      await codeField(page).fill(codeIn(await mail(`ann\\+${colorScheme}@example.com`)));
      await signedIn(page).waitFor();
      await fits();
      await context.close();
    }
  },

  async asks_for_letters_where_codes_have_them({ page }) {
    await ask(page, 'ann@example.com');
    assert.equal(await codeField(page).getAttribute('inputmode'), 'text');
    const code = codeIn(await mail('ann@example.com'), 8);
    await enter(page, `${code.slice(0, 4)}-${code.slice(4)}`.toLowerCase());
    await signedIn(page).waitFor();
  },

  async offers_both_channels({ page }) {
    await page.goto(url);
    await emailField(page).fill('ann@example.com');
    await page.getByLabel('Mobile number').fill('+15005550006x');
    assert.equal(await emailField(page).inputValue(), '');
    await page.keyboard.press('Enter');
    await says(page, /valid phone number/);
    await page.getByLabel('Mobile number').fill('+1 202-555-0143');
    await page.keyboard.press('Enter');
    await codeField(page).waitFor();
    let message;
    while (!message) {
      [message] = fs.existsSync(given.sms) ? fs.readdirSync(given.sms).filter((name) => name.endsWith('.json')) : [];
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { to, body } = JSON.parse(fs.readFileSync(path.join(given.sms, message), 'utf8'));
    assert.equal(to, '+12025550143');
    await enter(page, /\b\d{6}\b/.exec(body)[0]);
    assert.equal((await claims(page)).channel, 'mobile');
  },

  /** Something else than this page has asked a moment ago: the cookie may hold its envelope. */
  async says_when_it_is_too_soon_and_takes_the_code_that_is_there({ page }) {
    await ask(page, 'ann@example.com');
    const code = codeIn(await mail('ann@example.com'));
    await page.evaluate(() => { localStorage.clear(); sessionStorage.clear(); });
    await page.goto(url);
    await page.route('**/request/email/', (route) => route.fulfill({
      status: 429, headers: { 'Retry-After': '42' }, contentType: 'application/problem+json', body: '{"code":"throttled"}',
    }));
    await emailField(page).fill('ann@example.com');
    await page.getByRole('button', { name: 'Send code' }).click();
    await says(page, /Try again in 4\d seconds/);
    await page.getByRole('button', { name: 'Enter the code that you have' }).click();
    await codeField(page).fill(code);
    await signIn(page).click();
    await signedIn(page).waitFor();
  },

  // ── What was typed is what is judged ───────────────────────────────────────────────────────────────────────────────

  async sends_what_was_typed({ page }) {
    const addresses = ['ann@fa\u00df.de', 'ann@\u03b2\u03cc\u03bb\u03bf\u03c2.example', 'Ann@Example.COM', ' bob@example.com ', 'ann@exa\u00admple.com', 'ann@@example.com'];
    for (const address of addresses) {
      await page.goto(url);
      await emailField(page).fill(address);
      const [{ email }] = await Promise.all([posted(page, 'request/email/'), page.keyboard.press('Enter')]);
      assert.equal(email, address);
    }
    await mail('ann@xn--fa-hia.de');
    for (const number of ['+1 202-555-0143', '\uff0b1\u3000(202) 555\u20110144', '\u202a+12025550145\u202c', '+1 202 555 0146 ']) {
      await page.goto(url);
      await page.getByLabel('Mobile number').fill(number);
      const [{ phone_number: sent }] = await Promise.all([posted(page, 'request/mobile/'), page.keyboard.press('Enter')]);
      assert.equal(sent, number);
    }
    await page.evaluate(() => localStorage.clear());
    await page.goto(`${url}/passwordless/link`);
    await emailField(page).fill('ann@fa\u00df.de');
    await codeField(page).fill('123456');
    const [{ email }] = await Promise.all([posted(page, 'exchange/email/'), page.keyboard.press('Enter')]);
    assert.equal(email, 'ann@fa\u00df.de');
  },

  // ── Asking again ───────────────────────────────────────────────────────────────────────────────────────────────────

  async asking_again_sends_the_same_code_again({ page }) {
    const all = deeds(page);
    await ask(page, 'ann@example.com');
    const code = codeIn(await mail('ann@example.com'));
    await page.getByRole('button', { name: 'Change address' }).click();
    assert.equal(await emailField(page).inputValue(), 'ann@example.com');
    await emailField(page).fill(' Ann@Example.com');
    await page.getByRole('button', { name: 'Send code' }).click();
    await page.getByText('The code was sent again.').waitFor();
    assert.equal(codeIn(await mail('ann@example.com')), code);
    await ask(page, 'bob@example.com');
    await mail('bob@example.com');
    await ask(page, 'ann@example.com');
    assert.equal(codeIn(await mail('ann@example.com')), code);
    assert.deepEqual(all.map(({ path }) => path), ['request/email/', 'resend/', 'request/email/', 'resend/']);
    await enter(page, code);
    await signedIn(page).waitFor();
    await ask(page, 'ann@example.com');
    assert.equal(all.at(-1).path, 'request/email/', 'a used challenge was sent again');
  },

  async asks_anew_where_the_old_challenge_is_worth_nothing({ page }) {
    const all = deeds(page);
    await ask(page, 'ann@example.com');
    await mail('ann@example.com');
    await page.evaluate(() => {
      const [challenge] = JSON.parse(localStorage.getItem('countersign.recipient'));
      localStorage.setItem('countersign.recipient', JSON.stringify([{ ...challenge, envelope: 'e30.e30.AA' }]));
    });
    await ask(page, 'ann@example.com');
    assert.deepEqual(all.map(({ path }) => path), ['request/email/', 'resend/', 'request/email/']);
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
  },

  async asking_again_at_once_sends_nothing_and_solves_nothing({ page, context }) {
    await ask(page, 'ann@example.com');
    const code = codeIn(await mail('ann@example.com'));
    const all = deeds(page);
    for (const address of ['ann@example.com', 'ANN@example.com']) {
      await ask(page, address);
      await page.getByText('A code was sent there a moment ago.').waitFor();
    }
    const other = await context.newPage();
    const others = deeds(other);
    await ask(other, 'ann@example.com');
    assert.deepEqual([all, others], [[], []]);
    await enter(page, code);
    await signedIn(page).waitFor();
    await page.goto(url);
    await emailField(page).fill('ann@example.com');
    await page.getByRole('button', { name: 'Send code' }).click();
    await says(page, /Try again in \d+ seconds/);
    assert.deepEqual(all.map(({ path }) => path), ['exchange/email/']);
  },

  async solves_the_puzzle_where_somebody_else_asked_a_moment_ago({ page, context }) {
    const stranger = await context.browser().newContext();
    const answer = await stranger.request.post(`${url}/passwordless/request/email/`, { data: { email: 'ann@example.com' } });
    assert.equal(answer.status(), 200);
    await mail('ann@example.com');
    const all = deeds(page);
    await ask(page, 'ann@example.com');
    assert.deepEqual(all.map(({ body }) => Boolean(body.puzzle)), [false, true]);
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
  },

  // ── What the pages say ─────────────────────────────────────────────────────────────────────────────────────────────

  async digits_submit_themselves_and_once({ page }) {
    await ask(page, 'ann@example.com');
    const all = deeds(page);
    const code = codeIn(await mail('ann@example.com'));
    await page.keyboard.type(another(code).slice(1));
    assert.deepEqual(all, []);
    await page.keyboard.type('9');
    await says(page, /4 attempts left/);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    await says(page, /4 attempts left/);
    assert.equal(all.length, 1, 'Enter after the last digit cost an attempt');
    await page.keyboard.type(code);
    await signedIn(page).waitFor();
    assert.equal(all.length, 2);
  },

  /** Somebody who corrects a digit hasn't finished when there are six of them again. */
  async a_code_that_is_corrected_is_sent_when_its_owner_says_so({ page }) {
    await ask(page, 'ann@example.com');
    const code = codeIn(await mail('ann@example.com'));
    const all = deeds(page);
    const wrong = `${another(code[0])}${another(code[1])}${code.slice(2)}`;
    await page.keyboard.insertText(wrong);
    await says(page, /4 attempts left/);
    await page.keyboard.press('Home');
    await page.keyboard.press('Delete');
    await page.keyboard.type(code[0]);
    assert.equal(await codeField(page).inputValue(), `${code[0]}${wrong.slice(1)}`);
    await page.keyboard.press('Delete');
    await page.keyboard.type(code[1]);
    assert.equal(await codeField(page).inputValue(), code);
    assert.equal(all.length, 1, 'a correction that was under way cost an attempt');
    await page.keyboard.press('Enter');
    await signedIn(page).waitFor();
    assert.equal(all.length, 2);
  },

  async a_paste_that_is_then_edited_is_sent_when_its_owner_says_so({ page, context }) {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await ask(page, 'ann@example.com');
    const code = codeIn(await mail('ann@example.com'));
    const all = deeds(page);
    await page.evaluate((text) => navigator.clipboard.writeText(text), code.slice(0, 5));
    await codeField(page).press('Control+V');
    await page.keyboard.type(code[5]);
    assert.equal(await codeField(page).inputValue(), code);
    assert.deepEqual(all, []);
    // What takes the place of all of it counts as fresh.
    await codeField(page).press('Control+A');
    await page.evaluate((text) => navigator.clipboard.writeText(text), code);
    await codeField(page).press('Control+V');
    await signedIn(page).waitFor();
    assert.equal(all.length, 1);
  },

  /** What comes by itself, or after a click, pushes nothing away that somebody may be about to press. */
  async nothing_moves_while_somebody_waits({ page }) {
    await stopTheClock(page);
    const places = () => page.$$eval('h1, label, input, button, a', (all) =>
      all.filter((one) => one.checkVisibility() && one.closest('main')).map((one) => [one.id || one.textContent, one.getBoundingClientRect().top]));
    await page.goto(url);
    const before = await places();
    await emailField(page).fill('ann@');
    await page.keyboard.press('Enter');
    await says(page, /valid email address/);
    assert.deepEqual(await places(), before);
    await emailField(page).fill('ann@gmail.com');
    await page.keyboard.press('Enter');
    await codeField(page).waitFor();
    const waiting = await places();
    await page.clock.runFor(31_000);
    await page.getByText(/spam folder/).waitFor();
    await enter(page, another(codeIn(await mail('ann@gmail.com'))));
    await says(page, /4 attempts left/);
    assert.deepEqual((await places()).map(([, top]) => top), waiting.map(([, top]) => top));
  },

  async the_title_follows_the_step({ page }) {
    await page.goto(url);
    assert.equal(await page.title(), 'Sign in · example.com');
    await ask(page, 'ann@example.com');
    assert.equal(await page.title(), 'Enter the code · example.com');
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
    assert.equal(await page.title(), 'Signed in · example.com');
    await page.goto(`${url}/passwordless/link`);
    await codeField(page).waitFor();
    assert.equal(await page.title(), 'Enter the code · example.com');
  },

  async errors_describe_their_field({ page }) {
    const described = (field) => field.evaluate((input) => {
      const ids = (input.getAttribute('aria-describedby') ?? '').split(' ').filter(Boolean);
      return [input.getAttribute('aria-invalid'), ids.map((id) => document.getElementById(id).textContent)];
    });
    const hint = 'With + and the country code.';
    await page.goto(url);
    const mobile = page.getByLabel('Mobile number');
    for (const [field, typed, hints] of [[emailField(page), 'ann@', []], [mobile, '+1555', [hint]], [emailField(page), 'x', []]]) {
      await field.fill(typed);
      await page.keyboard.press('Enter');
      await says(page, /Enter a valid/);
      const [invalid, words] = await described(field);
      assert.deepEqual([invalid, words.length, words.slice(0, -1)], ['true', hints.length + 1, hints]);
      assert.match(words.at(-1), /^Enter a valid (email address|phone number)\.$/);
      await field.fill(`${typed}y`);
      assert.deepEqual(await described(field), [null, hints]);
    }
    await ask(page, 'ann@example.com');
    await codeField(page).fill('12');
    await page.keyboard.press('Enter');
    assert.match((await described(codeField(page)))[1].at(-1), /has 6 digits/);
    await enter(page, another(codeIn(await mail('ann@example.com'))));
    await says(page, /attempts left/);
    assert.match((await described(codeField(page)))[1].at(-1), /attempts left/);
    await page.evaluate(() => localStorage.clear());
    await page.goto(`${url}/passwordless/link`);
    await codeField(page).fill('1');
    await page.keyboard.press('Enter');
    assert.match((await described(emailField(page)))[1].at(-1), /Enter the address/);
  },

  async a_new_code_is_the_main_button_once_the_old_one_has_ended({ page }) {
    const main = () => page.locator('button.main:visible');
    await page.clock.install();
    await ask(page, 'ann@example.com');
    await mail('ann@example.com');
    assert.deepEqual(await main().allTextContents(), ['Sign in']);
    await page.clock.runFor(601_000);
    await says(page, /has expired/);
    assert.deepEqual(await main().allTextContents(), ['Get a new code']);
    assert.equal(await codeField(page).isVisible(), false);
    await main().click();
    await codeField(page).waitFor();
    assert.deepEqual(await main().allTextContents(), ['Sign in']);
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
  },

  async selected_text_can_be_read({ browser }) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await (await browser.newContext({ colorScheme })).newPage();
      await page.goto(url);
      const contrasts = await page.$$eval('h1, p, label, input, button, pre, dl', (elements) => elements.map((element) => {
        const { color, backgroundColor } = getComputedStyle(element, '::selection');
        const luminance = (text) => {
          const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
          if (a !== 1) return NaN;
          const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
          return 0.2126 * x + 0.7152 * y + 0.0722 * z;
        };
        const [dark, light] = [color, backgroundColor].map(luminance).sort((one, other) => one - other);
        return [element.tagName, (light + 0.05) / (dark + 0.05)];
      }));
      assert.ok(contrasts.length > 8);
      for (const [tag, contrast] of contrasts) assert.ok(contrast >= 4.5, `${colorScheme}: ${tag} ${contrast}`);
    }
  },

  async stays_below_the_base_path({ page }) {
    const { base } = given.options;
    const paths = new Set();
    page.on('request', (request) => paths.add(new URL(request.url()).pathname));
    await page.goto(`${url}${base}/login`);
    await emailField(page).fill('ann@example.com');
    await page.keyboard.press('Enter');
    await codeField(page).waitFor();
    const link = linkIn(await mail('ann@example.com'));
    assert.ok(link.startsWith(`${url}${base}/link#`));
    await page.goto(link);
    await signIn(page).click();
    await signedIn(page).waitFor();
    await page.reload();
    await getCode(page).click();
    await emailField(page).waitFor();
    assert.equal(page.url(), `${url}${base}/login`);
    assert.deepEqual([...paths].filter((path) => !path.startsWith(`${base}/`)), []);
  },

  async without_a_connection_it_says_so_and_the_next_try_goes_on({ page, context }) {
    await page.goto(url);
    await context.setOffline(true);
    await emailField(page).fill('ann@example.com');
    await page.keyboard.press('Enter');
    await says(page, /can’t be reached. Check your connection/);
    assert.deepEqual(await page.evaluate(() => [document.activeElement.name, document.activeElement.value]), ['email', 'ann@example.com']);
    await context.setOffline(false);
    await page.keyboard.press('Enter');
    await codeField(page).waitFor();
    const code = codeIn(await mail('ann@example.com'));
    await context.setOffline(true);
    await codeField(page).fill(code);
    await says(page, /can’t be reached. Check your connection/);
    assert.equal(await codeField(page).inputValue(), code);
    await context.setOffline(false);
    await page.keyboard.press('Enter');
    await signedIn(page).waitFor();
  },

  async whoever_clicks_twice_asks_once({ page }) {
    const posts = [];
    page.on('request', (request) => request.method() === 'POST' && posts.push(request.url().split('/passwordless/')[1]));
    await page.goto(url);
    await emailField(page).fill('ann@example.com');
    await page.getByRole('button', { name: 'Send code' }).dblclick();
    await codeField(page).waitFor();
    await enter(page, another(codeIn(await mail('ann@example.com'))));
    await says(page, /4 attempts left/);
    await signIn(page).dblclick();
    await codeField(page).fill('12345');
    await signIn(page).dblclick();
    await says(page, /has 6 digits/);
    assert.deepEqual(posts.filter((path) => path !== 'status/'), ['request/email/', 'exchange/email/']);
  },

  async survives_a_reload({ page }) {
    await ask(page, 'ann@example.com');
    await page.reload();
    await codeField(page).waitFor();
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
    await page.reload();
    await emailField(page).waitFor();
  },

  async resends({ page }) {
    await ask(page, 'ann@example.com');
    const first = codeIn(await mail('ann@example.com'));
    await page.getByRole('button', { name: /^Send again$/ }).click();
    await page.getByText('The code was sent again.').waitFor();
    const second = codeIn(await mail('ann@example.com'));
    assert.equal(second, first);
    await enter(page, second);
    await signedIn(page).waitFor();
  },

  async solves_the_puzzle_past_the_message_ceiling({ page }) {
    const posts = [];
    page.on('request', (request) => {
      if (request.url().includes('/request/email/') && request.method() === 'POST') posts.push(JSON.parse(request.postData()));
    });
    await ask(page, 'ann@example.com');
    assert.equal(posts.length, 2, 'it was not refused first');
    assert.ok(posts[1].puzzle, 'no solution was sent');
    let code;
    for (let n = 0; n <= given.options.messages_before; n += 1) code = codeIn(await mail('ann@example.com'));
    await enter(page, code);
    await signedIn(page).waitFor();
  },

  /** Strangers have sent this person many codes and failed on them, so that theirs is a longer one and comes after a puzzle. */
  async logs_in_under_attack({ page }) {
    const asked = [];
    page.on('request', (request) => {
      if (request.url().includes('/request/email/') && request.method() === 'POST') asked.push(JSON.parse(request.postData()));
    });
    mail.skip();
    await ask(page, 'ann@example.com');
    assert.ok(asked.at(-1).puzzle, 'no puzzle was solved');
    // 8 characters after 10 failures, 15 after 100; how far the strangers have come differs.
    const message = await mail('ann@example.com');
    await enter(page, codeIn(message, 15) ?? codeIn(message, 8));
    await signedIn(page).waitFor();
  },

  async lets_nothing_from_elsewhere_run({ page }) {
    const violations = [];
    page.on('console', (message) => /Content Security Policy/.test(message.text()) && violations.push(message.text()));
    const response = await page.goto(url);
    assert.equal(response.headers()['content-security-policy'], given.options.policy);
    const inline = await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      return window.ran;
    });
    assert.equal(inline, undefined);
    assert.equal(violations.length, 1);
  },

  async loads_without_complaint({ page }) {
    const words = [];
    page.on('console', (message) => words.push(message.text()));
    const outside = [];
    page.on('request', (request) => request.url().startsWith(url) || outside.push(request.url()));
    await page.goto(url);
    await page.goto(`${url}/passwordless/link#nothing`);
    assert.deepEqual([words, outside], [[], []]);
  },

  // ── The link ───────────────────────────────────────────────────────────────────────────────────────────────────────

  async link_signs_in_by_one_click({ page, context }) {
    await ask(page, 'ann@example.com');
    const link = linkIn(await mail('ann@example.com'));
    const other = await elsewhere(context);
    await other.goto(link);
    await signIn(other).click();
    assert.equal((await claims(other)).sub, 'ann@example.com');
    assert.equal(new URL(other.url()).hash, '');
  },

  async a_thousand_visits_of_the_link_spend_nothing_and_receive_nothing({ page, context }) {
    await ask(page, 'ann@example.com');
    const text = await mail('ann@example.com');
    const link = linkIn(text);
    const escaped = link.replace('#', '%23');
    const scanner = await context.browser().newContext();
    const fetchers = [{}, { 'Sec-Purpose': 'prefetch' }, { 'Sec-Purpose': 'prefetch;prerender' }, { Purpose: 'prefetch' }, { 'User-Agent': 'Slackbot-LinkExpanding 1.0' }];
    for (let n = 0; n < 1000 - given.options.visits; n += 1) {
      const [method, headers] = [n % 2 ? 'HEAD' : 'GET', fetchers[n % fetchers.length]];
      const answer = await scanner.request.fetch(n % 3 ? link : escaped, { method, headers });
      assert.equal(answer.status(), 200);
      assert.equal(answer.headers()['set-cookie'], undefined);
    }
    // With scripts: each waits until the page is ready for the click, and leaves.
    const visitor = await scanner.newPage();
    const all = posts(visitor);
    const answers = [];
    visitor.on('response', async (response) => response.request().method() === 'POST' && answers.push(await response.text().catch(() => '')));
    for (let n = 0; n < given.options.visits; n += 1) {
      await visitor.goto(`${n % 2 ? link : escaped}`.replace('/link', n % 4 > 1 ? '/link/' : '/link'));
      await signIn(visitor).waitFor();
      await visitor.goto('about:blank');
    }
    assert.deepEqual([...new Set(all.map(({ path }) => path))], ['status/']);
    assert.equal(all.length, given.options.visits);
    assert.deepEqual([...new Set(answers)], ['{"state":"open","recipient":"a…@example.com"}']);
    assert.deepEqual(await scanner.cookies(), []);
    await page.goto(link);
    await signIn(page).click();
    await signedIn(page).waitFor();
  },

  async a_used_link_says_so_and_leads_on({ page, context }) {
    await ask(page, 'ann@example.com');
    const text = await mail('ann@example.com');
    await enter(page, codeIn(text));
    await signedIn(page).waitFor();
    for (const visitor of [page, await elsewhere(context)]) {
      await visitor.goto(linkIn(text));
      for (let visit = 0; visit < 2; visit += 1) {
        await says(visitor, /has been used already/);
        assert.equal(await visitor.getByRole('button').filter({ visible: true }).count(), 0, 'a button that does nothing');
        await visitor.reload();
      }
      await getCode(visitor).click();
      await emailField(visitor).waitFor();
    }
  },

  async a_reload_after_the_login_blames_nobody({ page }) {
    await ask(page, 'ann@example.com');
    await page.goto(linkIn(await mail('ann@example.com')));
    await signIn(page).click();
    await signedIn(page).waitFor();
    await page.reload();
    await says(page, /You have signed in with this link/);
    await getCode(page).waitFor();
  },

  async an_expired_link_says_so({ page }) {
    await page.route('**/status/', (route) => route.fulfill({ json: { state: 'expired', recipient: 'a…@example.com' } }));
    await ask(page, 'ann@example.com');
    await page.goto(linkIn(await mail('ann@example.com')));
    await says(page, /has expired/);
    assert.equal(await page.getByRole('button').filter({ visible: true }).count(), 0);
    await getCode(page).waitFor();
  },

  async the_landing_page_names_the_account_and_warns_other_browsers({ page, context }) {
    const warning = /This browser did not ask for this link/;
    await ask(page, 'ann@fa\u00df.de');
    await ask(page, 'bob@example.com');
    const links = [linkIn(await mail('ann@xn--fa-hia.de')), linkIn(await mail('bob@example.com'))];
    const stranger = await elsewhere(context);
    const asked = await elsewhere(context);
    await ask(asked, 'carol@example.org');
    for (const [link, masked] of [[links[0], 'a…@xn--fa-hia.de'], [links[1], 'b…@example.com']]) {
      for (const [visitor, warned] of [[page, false], [stranger, true], [asked, true]]) {
        await visitor.goto('about:blank');
        await visitor.goto(link);
        await visitor.getByText(masked).waitFor();
        assert.equal(await visitor.getByText(warning).isVisible(), warned, masked);
      }
    }
    // Another link in the same tab: only the fragment changes.
    await stranger.goto(links[0]);
    await stranger.getByText('a…@xn--fa-hia.de').waitFor();
    await signIn(stranger).click();
    assert.equal((await claims(stranger)).sub, 'ann@xn--fa-hia.de');
  },

  async works_where_the_state_of_a_link_cannot_be_told({ page }) {
    await ask(page, 'ann@example.com');
    await page.route('**/status/', (route) => route.abort());
    await page.goto(linkIn(await mail('ann@example.com')));
    await signIn(page).click();
    await signedIn(page).waitFor();
    await page.goto('about:blank');
  },

  // ── Meanwhile, in other tabs and on other devices ──────────────────────────────────────────────────────────────────

  async the_tab_that_asked_goes_on_signed_in_where_its_link_is_used_in_this_browser({ page, context }) {
    await ask(page, 'ann@example.com');
    const other = await context.newPage();
    await other.goto(linkIn(await mail('ann@example.com')));
    await signIn(other).click();
    const [there, here] = [await claims(other), await claims(page)];
    assert.deepEqual(here, there);
    assert.equal(here.sub, 'ann@example.com');
    await page.reload();
    await emailField(page).waitFor();
  },

  async a_code_signs_in_every_tab_that_waits_for_it({ page, context }) {
    await ask(page, 'ann@example.com');
    const other = await context.newPage();
    await ask(other, 'ann@example.com');
    await enter(other, codeIn(await mail('ann@example.com')));
    assert.deepEqual(await claims(page), await claims(other));
  },

  /** Ann and Alice are both a…@example.com, and both wait in this browser. */
  async a_link_signs_in_no_tab_of_somebody_else({ page, context }) {
    const alices = await context.newPage();
    await ask(page, 'ann@example.com');
    await ask(alices, 'alice@example.com');
    const code = codeIn(await mail('ann@example.com'));
    const looked = page.waitForResponse('**/status/');
    const other = await context.newPage();
    await other.goto(linkIn(await mail('alice@example.com')));
    await signIn(other).click();
    assert.equal((await claims(alices)).sub, 'alice@example.com');
    assert.equal((await (await looked).json()).state, 'open');
    assert.equal(await signedIn(page).isVisible(), false);
    await enter(page, code);
    assert.equal((await claims(page)).sub, 'ann@example.com');
  },

  async a_login_on_another_device_tells_the_tab_and_gives_it_nothing({ page, context }) {
    await stopTheClock(page);
    const answers = [];
    page.on('response', async (response) => response.request().method() === 'POST' && answers.push(await response.text().catch(() => '')));
    await ask(page, 'ann@example.com');
    const device = await elsewhere(context);
    await device.goto(linkIn(await mail('ann@example.com')));
    await signIn(device).click();
    const { jti } = await claims(device);
    await learns(page, page.getByRole('heading', { name: 'Signed in on another device' }));
    await page.getByText('This page received nothing').waitFor();
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.body.innerText]));
    assert.ok(!/"access"|"refresh"/.test(answers.join()), 'tokens in an answer');
    assert.ok(!kept.includes(jti) && !/eyJ[\w-]+\.[\w-]+\.[\w-]+/.test(kept), kept);
    assert.ok(!(await context.cookies()).some(({ name }) => name === 'countersign_device'));
    await page.getByRole('button', { name: 'Sign in here too' }).click();
    assert.equal(await emailField(page).inputValue(), 'ann@example.com');
  },

  async looks_every_five_seconds_at_most_and_only_while_it_is_seen({ page }) {
    await stopTheClock(page);
    const all = posts(page);
    const looks = () => all.filter(({ path }) => path === 'status/').length;
    const isSeen = (state) => page.evaluate((state) => {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
    const look = async (time) => {
      const answered = page.waitForResponse('**/status/').then((response) => response.finished());
      await page.clock.runFor(time);
      await answered;
    };
    await ask(page, 'ann@example.com');
    await mail('ann@example.com');
    await look(5_000);
    for (let turn = 1; turn < 12; turn += 1) {
      for (let times = 0; times < 3; times += 1) await isSeen('visible');
      await page.clock.runFor(4_800);
      assert.equal(looks(), turn, 'it looked too early');
      await look(200);
    }
    assert.ok(all.filter(({ path }) => path === 'status/').every(({ body }) => body.email === 'ann@example.com' && body.challenge));
    await isSeen('hidden');
    await page.clock.runFor(120_000);
    assert.equal(looks(), 12, 'it looked while nobody saw it');
    const answered = page.waitForResponse('**/status/');
    await isSeen('visible');
    await answered;
    assert.equal(looks(), 13);
    await page.getByRole('button', { name: 'Change address' }).click();
    await page.clock.runFor(60_000);
    assert.equal(looks(), 13, 'it looked after what nobody waits for');
  },

  async looks_less_often_where_the_engine_does_not_say({ page }) {
    await stopTheClock(page);
    const all = posts(page);
    await ask(page, 'ann@example.com');
    await page.route('**/status/', (route) => route.fulfill({
      status: 503, headers: { 'Retry-After': '90' }, contentType: 'application/problem+json', body: '{"code":"unavailable"}',
    }));
    const answered = page.waitForResponse('**/status/').then((response) => response.finished());
    await page.clock.runFor(5_000);
    await answered;
    await page.clock.runFor(84_000);
    assert.equal(all.filter(({ path }) => path === 'status/').length, 1);
    assert.equal(await complaint(page).textContent(), '');
  },

  /** Code and link of one message are one challenge, whichever is used first and wherever. */
  async on_another_device_the_page_says_how_to_go_on_with_the_code({ page, context }) {
    await ask(page, 'ann@example.com');
    const text = await mail('ann@example.com');
    const device = await elsewhere(context, PHONE);
    await device.goto(linkIn(text));
    await device.getByText('Did you ask on another device? Go back to it and enter the code').waitFor();
    await device.getByText(/This browser did not ask for this link/).waitFor();
    const button = device.getByRole('button', { name: 'Sign in as a…@example.com' });
    await button.waitFor();
    await enter(page, codeIn(text));
    assert.equal((await claims(page)).sub, 'ann@example.com');
    await button.click();
    await says(device, /has been used already/);
    assert.equal(await signedIn(device).isVisible(), false);
  },

  // ── Links after a mail gateway ─────────────────────────────────────────────────────────────────────────────────────

  async takes_links_that_a_gateway_has_changed({ page, context }) {
    await ask(page, 'ann@example.com');
    const link = linkIn(await mail('ann@example.com'));
    const [start, token] = link.split('#');
    const changed = [
      link, `${link}.`, `${link}...`, `${link})`, `${link}).`, `${link}>`, `${link}"`, `${link}&utm_source=mail&utm_medium=x`, `${link}?utm_source=mail`,
      `${link}%20`, `${link}%29`, `${start}/#${token}`, `${start}?utm_source=mail#${token}`, `${start}?${token}`,
      `${start}%23${token}`, `${start}%23${token}.`, `${start}%23${token})`, `${start}%23${token}&utm_source=mail`, `${start}/%23${token}`,
      `${start}%23${token}?utm_source=mail`, `${start}%2523${token}`, `${start}%23${token}#top`,
    ];
    for (const address of changed) {
      const visitor = await elsewhere(context);
      await visitor.goto(address);
      await visitor.getByText('a…@example.com').waitFor();
      await signIn(visitor).click();
      assert.equal((await claims(visitor)).sub, 'ann@example.com', address);
      assert.ok(!visitor.url().includes('v4.local'), visitor.url());
      await visitor.context().close();
    }
  },

  async a_link_that_lost_its_token_takes_the_code({ page }) {
    await ask(page, 'ann@example.com');
    const text = await mail('ann@example.com');
    const [start, token] = linkIn(text).split('#');
    const flipped = token[60] === 'A' ? 'B' : 'A';
    const damaged = [start, `${start}#`, `${start}?utm_source=mail`, `${start}%23`, `${start}#v4.local`, `${start}#nothing`,
      `${start}#${token.slice(0, 80)}`, `${start}#${token.slice(0, 60)}${flipped}${token.slice(61)}`];
    for (const address of damaged) {
      await page.goto('about:blank');
      await page.goto(address);
      await page.getByText(/The same message holds a code/).waitFor();
      assert.equal(await codeField(page).isVisible(), true, address);
      assert.equal(await page.getByText('ann@example.com').isVisible(), true, address);
    }
    await enter(page, another(codeIn(text)));
    await says(page, /attempts left/);
    await enter(page, codeIn(text));
    assert.equal((await claims(page)).sub, 'ann@example.com');
  },

  async a_damaged_link_takes_the_code_where_the_page_remembers_nothing({ page, context }) {
    await ask(page, 'ann@example.com');
    const code = codeIn(await mail('ann@example.com'));
    const other = await elsewhere(context);
    await page.evaluate(() => { localStorage.clear(); sessionStorage.clear(); });
    for (const visitor of [other, page]) {
      await visitor.goto(`${url}/passwordless/link`);
      await emailField(visitor).fill('ann@example.com');
      await codeField(visitor).fill(`${code.slice(0, 3)} ${code.slice(3)}`);
      await signIn(visitor).click();
    }
    await says(other, /holds no open request/);
    await signedIn(page).waitFor();
  },

  async a_damaged_bound_link_takes_the_code({ page }) {
    await ask(page, 'ann@example.com');
    const text = await mail('ann@example.com');
    await page.goto(linkIn(text).split('#')[0]);
    await enter(page, codeIn(text));
    await signedIn(page).waitFor();
  },

  async takes_bound_links_that_a_gateway_has_changed({ page }) {
    await ask(page, 'ann@example.com');
    const [start, code] = linkIn(await mail('ann@example.com')).split('#');
    const sent = await refuseExchanges(page);
    for (const end of ['', '.', '...', ')', '%29', '&utm_source=mail', '?utm_source=mail']) {
      for (const address of [`#${code}${end}`, `%23${code}${end}`, `%2523${code}${end}`, `%23${code}${end}#top`]) {
        await page.goto('about:blank');
        await page.goto(`${start}${address}`);
        await page.getByText('a…@example.com').waitFor();
        await signIn(page).click();
        await says(page, /can’t answer just now/);
        assert.equal(sent.at(-1), code, address);
      }
    }
    await page.unroute('**/exchange/**');
    await page.goto('about:blank');
    await page.goto(`${start}#${code}.`);
    await signIn(page).click();
    await signedIn(page).waitFor();
  },

  async a_bound_link_signs_in_its_own_browser({ page }) {
    await ask(page, 'ann@example.com');
    const link = linkIn(await mail('ann@example.com'));
    assert.ok(await page.evaluate(() => localStorage.getItem('countersign.recipient')));
    await page.goto(link);
    await page.getByRole('button', { name: 'Sign in' }).click();
    assert.equal((await claims(page)).sub, 'ann@example.com');
    assert.equal(await page.evaluate(() => localStorage.getItem('countersign.recipient')), null);
  },

  async a_bound_link_is_worth_nothing_elsewhere({ page, context }) {
    await ask(page, 'ann@example.com');
    const link = linkIn(await mail('ann@example.com'));
    const other = await elsewhere(context);
    await other.goto(link);
    await other.getByText(/This browser did not ask for this link/).waitFor();
    await other.getByText('Did you ask on another device?').waitFor();
    await other.getByLabel('E-mail address that the link was sent to').fill('ann@example.com');
    await other.getByRole('button', { name: 'Sign in' }).click();
    await says(other, /only in the browser that asked for it/);
    assert.equal(await signedIn(other).isVisible(), false);
    await page.evaluate(() => localStorage.clear());
    await page.goto(link);
    await page.getByLabel('E-mail address that the link was sent to').fill('ann@example.com');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await signedIn(page).waitFor();
  },

  /** A long code doesn't say whose it is. */
  async a_bound_link_finds_its_recipient_among_those_who_asked_in_this_browser({ page }) {
    for (const name of ['ann', 'bob', 'carol']) await ask(page, `${name}@example.com`);
    const text = await mail('ann@example.com');
    await page.goto(linkIn(text));
    await signIn(page).click();
    assert.equal((await claims(page)).sub, 'ann@example.com');
    const left = await page.evaluate(() => JSON.parse(localStorage.getItem('countersign.recipient')).map(({ recipient }) => recipient));
    assert.deepEqual(left, ['carol@example.com', 'bob@example.com']);
    await page.goto('about:blank');
    await page.goto(linkIn(text));
    await signIn(page).click();
    await says(page, /don’t belong together/);
  },

  async the_tab_that_asked_goes_on_where_its_bound_link_is_used({ page, context }) {
    await ask(page, 'ann@example.com');
    const text = await mail('ann@example.com');
    const challenge = await page.evaluate(() => JSON.parse(localStorage.getItem('countersign.recipient'))[0].envelope);
    const other = await context.newPage();
    await other.goto(linkIn(text));
    await other.getByText('a…@example.com').waitFor();
    await signIn(other).click();
    assert.deepEqual(await claims(page), await claims(other));
    // Code and link of one message are one challenge.
    const data = { email: 'ann@example.com', token: codeIn(text), challenge };
    const answer = await page.request.post(`${url}/passwordless/exchange/email/`, { data });
    assert.deepEqual([answer.status(), (await answer.json()).code], [400, 'challenge_spent']);
  },

  // ── While one waits ────────────────────────────────────────────────────────────────────────────────────────────────

  async the_button_counts_down_until_the_code_may_be_sent_again({ page }) {
    await stopTheClock(page);
    await ask(page, 'ann@example.com');
    const all = deeds(page);
    const button = () => page.locator('#again');
    assert.match(await button().textContent(), /^Send again in 60 s$/);
    assert.equal(await button().getAttribute('aria-disabled'), 'true');
    await button().click({ force: true });
    await page.clock.runFor(30_000);
    assert.match(await button().textContent(), /^Send again in 30 s$/);
    assert.deepEqual(all.filter(({ path }) => path === 'resend/'), []);
    await page.clock.runFor(31_000);
    assert.equal(await button().textContent(), 'Send again');
    assert.equal(await button().getAttribute('aria-disabled'), 'false');
  },

  async helps_whose_message_does_not_come({ page }) {
    await stopTheClock(page);
    const help = () => page.locator('#nothing-yet').textContent();
    const program = page.locator('#open-mail');
    await ask(page, 'ann@example.com');
    assert.equal(await program.isVisible(), false);
    await page.clock.runFor(29_000);
    assert.equal(await help(), '');
    await page.clock.runFor(1_500);
    assert.match(await help(), /spam folder/);
    for (const [address, name, host] of [
      ['ann@GMAIL.com', 'Open Gmail', 'mail.google.com'], ['bob@hotmail.com', 'Open Outlook', 'outlook.live.com'], ['carol@gmx.de', 'Open GMX', 'www.gmx.net'],
    ]) {
      await page.getByRole('button', { name: 'Change address' }).click();
      assert.equal(await help(), '');
      await emailField(page).fill(address);
      await page.keyboard.press('Enter');
      await codeField(page).waitFor();
      const link = page.getByRole('link', { name });
      assert.equal(new URL(await link.getAttribute('href')).host, host);
      assert.deepEqual([await link.getAttribute('target'), await link.getAttribute('rel')], ['_blank', 'noopener noreferrer']);
    }
    await page.getByRole('button', { name: 'Change address' }).click();
    await page.getByLabel('Mobile number').fill('+1 202-555-0143');
    await page.keyboard.press('Enter');
    await codeField(page).waitFor();
    await page.getByRole('button', { name: 'Change number' }).waitFor();
    assert.equal(await program.isVisible(), false);
    await page.clock.runFor(31_000);
    assert.match(await help(), /number above/);
  },

  // ── Languages ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async speaks_the_language_that_the_browser_asks_for({ browser }) {
    for (const [locale, lang, dir, heading] of [
      ['en-GB', 'en', 'ltr', 'Sign in'], ['de-AT', 'de', 'ltr', 'Anmelden'], ['fr-CA', 'fr', 'ltr', 'Se connecter'],
      ['es-MX', 'es', 'ltr', 'Iniciar sesión'], ['it', 'it', 'ltr', 'Accedi'], ['pt-BR', 'pt', 'ltr', 'Entrar'],
      ['fi', 'fi', 'ltr', 'Kirjaudu sisään'], ['ja-JP', 'ja', 'ltr', 'ログイン'], ['ar-EG', 'ar', 'rtl', 'تسجيل الدخول'], ['sv', 'en', 'ltr', 'Sign in'],
    ]) {
      const context = await browser.newContext({ locale });
      const page = await context.newPage();
      await page.goto(url);
      await page.getByRole('heading', { name: heading, exact: true }).waitFor();
      assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]), [lang, dir]);
      const [address, all] = [`${lang}-${locale.toLowerCase()}@example.com`, deeds(page)];
      await page.locator('#recipient-email').fill(address);
      await page.keyboard.press('Enter');
      await page.locator('#code').waitFor();
      assert.equal(all[0].body.locale, lang);
      assert.ok((await page.locator('#sent-to').textContent()).includes(address));
      const message = await mail(address);
      if (lang === 'de') assert.match(message, /Ihr Code für example\.com/);
      const code = codeIn(message);
      await page.locator('#code').fill(another(code));
      await page.waitForFunction(() => document.querySelector('[role=alert]').textContent !== '');
      const words = await complaint(page).textContent();
      assert.ok(words.includes('4'), words);
      assert.equal(/[A-Za-z]{3}/.test(words), !['ja', 'ar'].includes(lang), words);
      await page.locator('#code').fill(code);
      await page.locator('#claims dt').first().waitFor();
      await context.close();
    }
  },

  async the_choice_of_a_language_stays_for_the_visit({ page, context }) {
    const lang = (page) => page.evaluate(() => document.documentElement.lang);
    const choose = async (page, name) => {
      const loaded = page.waitForEvent('load');
      await page.locator('#language').selectOption(name);
      await loaded;
    };
    await page.goto(url);
    const names = await page.locator('#language option').allTextContents();
    assert.deepEqual(names, ['English', 'Deutsch', 'Français', 'Español', 'Italiano', 'Português', 'Suomi', '日本語', 'العربية']);
    await page.getByLabel('Language').waitFor();
    await emailField(page).fill('ann@exa');
    await choose(page, 'Deutsch');
    assert.equal(await page.getByLabel('E-Mail-Adresse').inputValue(), 'ann@exa');
    await page.getByLabel('E-Mail-Adresse').fill('ann@example.com');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Code eingeben' }).waitFor();
    // In the middle of it, too: the challenge and what was typed stay.
    await page.locator('#code').fill('12');
    await choose(page, 'العربية');
    await page.getByRole('heading', { name: 'أدخل الرمز' }).waitFor();
    assert.equal(await page.locator('#code').inputValue(), '12');
    assert.equal(await page.evaluate(() => document.documentElement.dir), 'rtl');
    const text = await mail('ann@example.com');
    const other = await context.newPage();
    await other.goto(linkIn(text));
    await other.locator('#follow').waitFor();
    assert.equal(await lang(other), 'ar');
    await choose(other, 'Suomi');
    await other.getByRole('button', { name: 'Kirjaudu sisään' }).click();
    await other.locator('#claims dt').first().waitFor();
    for (const path of ['/passwordless/login', '/passwordless/link']) {
      await other.goto(`${url}${path}`);
      assert.equal(await lang(other), 'fi', path);
    }
    const { expires, sameSite, httpOnly } = (await context.cookies()).find(({ name }) => name === 'countersign_language');
    assert.deepEqual([expires, sameSite, httpOnly], [-1, 'Lax', false]);
    const another = await elsewhere(context);
    await another.goto(url);
    assert.equal(await lang(another), 'en');
  },

  /** What the engine says is in English, and for programs: a person reads what its code means, in their language. */
  async says_what_a_code_means_and_never_what_the_engine_said({ browser }) {
    const codes = ['invalid', 'parse_error', 'not_found', 'method_disabled', 'method_not_allowed', 'request_timeout', 'content_too_large',
      'unsupported_media_type', 'head_too_large', 'internal', 'invalid_credentials', 'challenge_expired', 'challenge_spent', 'attempts_exhausted',
      'misdirected', 'throttled', 'delivery_failed', 'unavailable', 'provider_not_configured', 'whatever_comes_later'];
    const said = new Map();
    for (const locale of ['en', 'de', 'fr', 'es', 'it', 'pt', 'fi', 'ja', 'ar']) {
      const context = await browser.newContext({ locale });
      const page = await context.newPage();
      await page.goto(url);
      for (const code of codes) {
        const answer = { code, detail: 'Raw words', title: 'Raw words', non_field_errors: ['Raw words'], errors: code === 'invalid' ? { email: ['Raw words'] } : undefined };
        await page.route('**/request/**', (route) => route.fulfill({
          status: 400, headers: { 'Retry-After': '42' }, contentType: 'application/problem+json', body: JSON.stringify(answer),
        }));
        await page.locator('#recipient-email').fill('ann@example.com');
        await page.keyboard.press('Enter');
        await page.waitForFunction(() => document.querySelector('[role=alert]').textContent !== '' && !document.body.hasAttribute('aria-busy'));
        const words = await complaint(page).textContent();
        assert.ok(!/Raw|undefined|\{|\}/.test(words), `${locale} ${code}: ${words}`);
        if (['throttled', 'unavailable'].includes(code)) assert.match(words, /42/);
        assert.ok(locale === 'en' || !said.has(words), `${locale} ${code} is what another language says: ${words}`);
        said.set(`${words}`, `${locale} ${code}`);
        await page.unroute('**/request/**');
      }
      await context.close();
    }
  },

  /** CLDR's categories of each number that can come. */
  async every_number_has_its_form({ browser }) {
    for (const locale of ['en', 'de', 'fr', 'es', 'it', 'pt', 'fi', 'ja', 'ar']) {
      const context = await browser.newContext({ locale });
      const page = await context.newPage();
      await page.goto(url);
      const missing = await page.evaluate(() => {
        const texts = JSON.parse(document.getElementById('texts').content.textContent);
        const rules = new Intl.PluralRules(document.documentElement.lang);
        const lacks = (name, from) => Array.from({ length: 101 - from }, (_, n) => rules.select(from + n)).filter((category) => {
          // Where a language counts one like many in our sentence, "other" is its form.
          return !texts[name][category] && category !== 'other' && rules.resolvedOptions().pluralCategories.length > 3;
        });
        return [...lacks('attempts_left', 1), ...lacks('code_of_digits', 4), ...lacks('length_in_digits', 4), ...lacks('code_of_characters', 4)]
          .concat(Object.keys(texts.attempts_left).includes(rules.select(1)) ? [] : ['one']);
      });
      assert.deepEqual(missing, [], locale);
      await context.close();
    }
  },

  // ── Sessions ───────────────────────────────────────────────────────────────────────────────────────────────────────

  async a_session_is_kept_by_a_cookie_that_no_script_sees({ page, context }) {
    await ask(page, 'ann@example.com');
    const answers = [];
    page.on('response', async (response) => response.request().method() === 'POST' && answers.push(await response.text().catch(() => '')));
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
    await page.getByText('a…@example.com', { exact: true }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Signed in');
    assert.equal(await page.getByRole('link', { name: 'Continue' }).getAttribute('href'), '/', 'led nowhere else');
    const cookie = (await context.cookies()).find(({ name }) => name === 'countersign_session');
    assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, 'Lax', '/']);
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, document.body.innerHTML]));
    assert.ok(!/"access"|"refresh"/.test(answers.join()) && !/eyJ[\w-]+\.[\w-]+\.[\w-]+/.test(answers.join() + kept), 'a token');
    await page.reload();
    await page.getByRole('heading', { name: 'Signed in as a…@example.com' }).waitFor();
  },

  async a_login_leads_back({ page }) {
    const target = `${url}/app?x=1&y=a%2Fb`;
    await page.goto(`${url}/passwordless/login?return_to=${target}`);
    await page.getByText(`After that you go on to ${new URL(url).host}.`).waitFor();
    await emailField(page).fill('ann@example.com');
    await page.keyboard.press('Enter');
    await codeField(page).waitFor();
    await enter(page, another(codeIn(await mail('ann@example.com'))));
    await says(page, /4 attempts left/);
    await page.reload();
    await codeField(page).waitFor();
    await page.getByRole('button', { name: 'Change address' }).click();
    await page.waitForFunction(() => document.querySelector('[role=alert]').textContent === '');
    await page.goto(`${url}/passwordless/login?return_to=${encodeURIComponent(target)}`);
    await emailField(page).fill('bob@example.com');
    await page.keyboard.press('Enter');
    await codeField(page).waitFor();
    await enter(page, codeIn(await mail('bob@example.com')));
    await page.waitForURL(target);
    assert.equal((await (await page.request.get(`${url}/passwordless/session/`)).json()).recipient, 'b…@example.com');
  },

  async bad_addresses_are_led_nowhere({ page }) {
    for (const bad of ['https://evil.example/', '//evil.example', 'javascript:alert(1)', `${url}@evil.example/`, '/app']) {
      await page.goto(`${url}/?return_to=${encodeURIComponent(bad)}`);
      await emailField(page).waitFor();
      assert.ok(!(await page.content()).includes('evil') && !(await page.content()).includes('alert('), bad);
    }
    await ask(page, 'ann@example.com');
    await page.goto(`${url}/?return_to=https://evil.example/`);
    await emailField(page).fill('ann@example.com');
    await page.keyboard.press('Enter');
    await codeField(page).waitFor();
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
    assert.equal(new URL(page.url()).origin, url);
  },

  async who_is_signed_in_goes_on_or_signs_out({ page, context }) {
    const target = `${url}/app?x=1`;
    await ask(page, 'ann@example.com');
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
    await page.goto(`${url}/?return_to=${target}`);
    const heading = (page) => page.getByRole('heading', { name: 'Signed in as a…@example.com' });
    await heading(page).waitFor();
    await page.getByRole('link', { name: 'Continue' }).click();
    await page.waitForURL(target);
    await page.goBack();
    await heading(page).waitFor();
    const other = await context.newPage();
    await other.goto(`${url}/passwordless/login`);
    await heading(other).waitFor();
    await other.getByRole('button', { name: 'Sign out' }).click();
    await other.getByText('You are signed out.').waitFor();
    await emailField(other).waitFor();
    // The first tab hears of it.
    await emailField(page).waitFor();
    assert.equal((await page.request.get(`${url}/passwordless/session/`)).status(), 401);
    for (const one of [page, other]) {
      await one.reload();
      await emailField(one).waitFor();
    }
    // And may sign in again, where it was.
    await ask(other, 'bob@example.com');
    await enter(other, codeIn(await mail('bob@example.com')));
    await other.getByText('b…@example.com', { exact: true }).waitFor();
    await other.getByRole('button', { name: 'Sign out' }).click();
    await emailField(other).waitFor();
  },

  async signing_out_needs_no_script({ browser }) {
    const context = await browser.newContext();
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    await ask(page, 'ann@example.com');
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
    const bare = await (await browser.newContext({ javaScriptEnabled: false, storageState: await context.storageState() })).newPage();
    await bare.goto(url);
    await bare.getByRole('heading', { name: 'Signed in as a…@example.com' }).waitFor();
    await bare.getByRole('button', { name: 'Sign out' }).click();
    await bare.waitForURL(`${url}/passwordless/login`);
    await emailField(bare).waitFor();
    assert.equal((await page.request.get(`${url}/passwordless/session/`)).status(), 401);
  },

  async the_page_that_signs_out_ends_nothing_before_its_button_is_pressed({ page }) {
    const words = [];
    page.on('console', (message) => words.push(message.text()));
    await ask(page, 'ann@example.com');
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
    const target = `${url}/app?bye=1`;
    await page.goto(`${url}/passwordless/logout/?return_to=${target}`);
    await page.getByText('Signed in as a…@example.com').waitFor();
    assert.equal((await page.request.get(`${url}/passwordless/session/`)).status(), 200);
    assert.equal(await page.getByRole('button').count(), 1);
    assert.deepEqual(words, []);
    await page.getByLabel('Everywhere').check();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(target);
    assert.equal((await page.request.get(`${url}/passwordless/session/`)).status(), 401);
    await page.goto(`${url}/passwordless/logout/`);
    await page.getByText('Nobody is signed in').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(`${url}/passwordless/login`);
  },

  /** The tab that asked, and the one in which the link was opened. */
  async a_link_leads_back_too({ page, context }) {
    const target = `${url}/app?from=link`;
    await page.goto(`${url}/?return_to=${target}`);
    await emailField(page).fill('ann@example.com');
    await page.keyboard.press('Enter');
    await codeField(page).waitFor();
    const other = await context.newPage();
    await other.goto(linkIn(await mail('ann@example.com')));
    await other.getByText('a…@example.com').waitFor();
    await signIn(other).click();
    await Promise.all([page, other].map((tab) => tab.waitForURL(target)));
  },

  async a_session_of_somebody_else_signs_in_no_tab({ page, context }) {
    const alices = await context.newPage();
    await ask(page, 'ann@example.com');
    await ask(alices, 'alice@example.com');
    const other = await context.newPage();
    await other.goto(linkIn(await mail('alice@example.com')));
    await signIn(other).click();
    await signedIn(alices).waitFor();
    assert.equal(await signedIn(page).isVisible(), false);
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
  },

  /** Else everybody would be sent from the login to the app and back. */
  async where_cookies_are_forbidden_the_page_says_so_and_sends_nothing({ page, context }) {
    await ask(page, 'ann@example.com');
    const link = linkIn(await mail('ann@example.com'));
    const settings = await context.newCDPSession(page);
    await settings.send('Emulation.setDocumentCookieDisabled', { disabled: true });
    const posts = [];
    page.on('request', (request) => request.method() === 'POST' && !request.url().endsWith('/status/') && posts.push(request.url()));
    await page.goto(url);
    await emailField(page).fill('bob@example.com');
    await page.keyboard.press('Enter');
    await says(page, /^This browser keeps no cookies of this site/);
    assert.equal(await page.evaluate(() => document.activeElement.name), 'email');
    await page.goto(link);
    await signIn(page).click();
    await says(page, /^This browser keeps no cookies of this site/);
    assert.deepEqual(posts, []);
    // As soon as they are allowed, the same link is good.
    await settings.send('Emulation.setDocumentCookieDisabled', { disabled: false });
    await page.reload();
    await signIn(page).click();
    await signedIn(page).waitFor();
  },

  /** From the browser's cache of whole pages, which heard nothing meanwhile. */
  async a_page_that_comes_back_asks_whether_its_session_lives({ page, context }) {
    await ask(page, 'ann@example.com');
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
    const comesBack = () => page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
    await Promise.all([page.waitForResponse('**/session/'), comesBack()]);
    assert.ok(await signedIn(page).isVisible());
    await context.clearCookies();
    await comesBack();
    await emailField(page).waitFor();
  },

  // ── For everyone ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** WCAG 2.2, level AA, as far as a program can judge, at each step, and that nothing has to be scrolled sideways. */
  async is_accessible({ browser }) {
    const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
    const [zoomed, narrow, wide] = [{ width: 640, height: 400 }, { width: 320, height: 640 }, { width: 1280, height: 800 }];
    const views = [
      ['fr', 'light', narrow], ['es', 'dark', narrow], ['it', 'light', zoomed], ['pt', 'dark', narrow], ['fi', 'light', narrow],
      ['en', 'light', wide], ['en', 'dark', narrow], ['de', 'light', narrow], ['de', 'dark', zoomed], ['ar', 'light', narrow], ['ja', 'dark', zoomed],
    ];
    for (const [locale, colorScheme, viewport] of views) {
      const where = `${locale} ${colorScheme} ${viewport.width}`;
      const options = { locale, colorScheme, viewport, reducedMotion: 'reduce', deviceScaleFactor: viewport === zoomed ? 2 : 1 };
      const context = await browser.newContext(options);
      context.setDefaultTimeout(20_000);
      const judge = async (page, step) => {
        await page.waitForLoadState();
        if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
        const { violations, passes } = await page.evaluate(`axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`);
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('\n')}`);
        assert.deepEqual(found, [], `${where} ${step}`);
        assert.ok(passes.length > 15, `${where} ${step}: hardly anything was judged`);
        const motions = await page.evaluate(() => document.getAnimations().length);
        assert.equal(motions, 0, `${where} ${step}: something moves`);
        // Text of twice the size, without the zoom of the page (WCAG 1.4.4), except where that is below 320 pixels.
        for (const size of viewport === narrow ? ['100%'] : ['100%', '200%']) {
          await page.evaluate((size) => { document.documentElement.style.fontSize = size; }, size);
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(overflow <= 0, `${where} ${step} ${size}: ${overflow} pixels wider than the window`);
        }
        await page.evaluate(() => { document.documentElement.style.fontSize = ''; });
      };
      const page = await context.newPage();
      // It goes on: axe waits a little, too.
      await page.clock.install();
      const address = `maximiliane-${locale}-${colorScheme}@gmail.com`;
      await page.goto(url);
      await judge(page, 'ask');
      await page.locator('#recipient-email').fill('ann@');
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.querySelector('[role=alert]').textContent !== '');
      await judge(page, 'a bad address');
      await page.locator('#recipient-email').fill(address);
      await page.keyboard.press('Enter');
      await page.locator('#code').waitFor();
      await page.clock.runFor(31_000);
      const text = await mail(address);
      await page.locator('#code').fill(another(codeIn(text)));
      await page.waitForFunction(() => document.querySelector('[role=alert]').textContent !== '');
      await judge(page, 'a wrong code');

      const device = await (await browser.newContext(options)).newPage();
      await device.goto(linkIn(text).split('#')[0]);
      await device.locator('#code').waitFor();
      await judge(device, 'a damaged link');
      await device.goto(linkIn(text));
      await device.locator('#follow').waitFor();
      await judge(device, 'a link');
      await device.locator('#follow').click();
      await device.locator('#signed-in').waitFor();
      await judge(device, 'signed in');
      if (given.options.sessions) {
        await device.goto(`${url}/?return_to=${url}/app`);
        await device.locator('#go-on').waitFor();
        await judge(device, 'signed in already');
        await device.goto(`${url}/passwordless/logout/`);
        await judge(device, 'signing out');
        await device.locator('button').click();
        await device.locator('#ask').waitFor();
        await judge(device, 'signed out');
        await device.goto(linkIn(text));
      } else {
        await device.locator('summary').click();
        await judge(device, 'the token');
        await device.reload();
      }
      await device.locator('#ended').waitFor();
      await judge(device, 'a used link');

      await page.locator('#elsewhere').waitFor();
      await judge(page, 'elsewhere');
      await device.context().close();
      await context.close();
    }
  },

  async moves_only_for_those_who_like_it({ browser }) {
    for (const [reducedMotion, moves] of [['reduce', false], ['no-preference', true]]) {
      const page = await (await browser.newContext({ reducedMotion })).newPage();
      await page.goto(url);
      await page.route('**/request/**', () => {});
      await emailField(page).fill('ann@example.com');
      await page.keyboard.press('Enter');
      await page.locator('[aria-busy=true]').waitFor();
      const running = () => page.evaluate(() => document.getAnimations().some((one) => one instanceof CSSAnimation));
      assert.equal(await running(), moves, reducedMotion);
    }
  },
};

// ── Running one ──────────────────────────────────────────────────────────────────────────────────────────────────────

inChromium(given.chromium, async ({ browser, context }) => {
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error));
  await scenarios[process.argv[2]]({ browser, context, page });
  assert.deepEqual(errors, []);
});
