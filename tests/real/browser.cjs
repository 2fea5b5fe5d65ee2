// A person at the pages, in Chromium: browser.cjs SCENARIO, with {url, mail, sms, options} as JSON on stdin.
//
// A scenario fails by throwing. Nothing here waits for a time: Playwright waits for what should appear.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { chromium } = require('playwright-core');

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
function posts(page) {
  const all = [];
  page.on('request', (request) => {
    if (request.method() !== 'POST') return;
    all.push({ path: new URL(request.url()).pathname.replace('/passwordless/', ''), body: JSON.parse(request.postData()) });
  });
  return all;
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

const seen = new Set();

/** The next message to an address: its text, decoded. */
async function mail(to) {
  for (;;) {
    for (const name of fs.existsSync(given.mail) ? fs.readdirSync(given.mail).sort() : []) {
      if (!name.endsWith('.eml') || seen.has(name)) continue;
      const source = fs.readFileSync(path.join(given.mail, name), 'utf8').replaceAll('\r\n', '\n');
      if (!new RegExp(`^To: .*${to.replaceAll('.', '\\.')}`, 'm').test(source)) continue;
      seen.add(name);
      return textPart(source);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function textPart(source) {
  const start = source.search(/^Content-Type: text\/plain/m);
  const part = source.slice(start);
  const head = part.slice(0, part.indexOf('\n\n'));
  const body = part.slice(part.indexOf('\n\n') + 2).split(/^--/m)[0];
  if (/base64/i.test(head)) return Buffer.from(body, 'base64').toString('utf8');
  if (!/quoted-printable/i.test(head)) return body;
  const bytes = body.replace(/=\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

const codeIn = (text, length = 6) => text.split('\n').map((line) => line.trim()).find((line) => line.length === length && /^[0-9A-Za-z]+$/.test(line));
const linkIn = (text) => text.split(/\s+/).find((word) => word.includes('/link#'));
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
    const all = posts(page);
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
    const all = posts(page);
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
    const all = posts(page);
    for (const address of ['ann@example.com', 'ANN@example.com']) {
      await ask(page, address);
      await page.getByText('A code was sent there a moment ago.').waitFor();
    }
    const other = await context.newPage();
    const others = posts(other);
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
    const all = posts(page);
    await ask(page, 'ann@example.com');
    assert.deepEqual(all.map(({ body }) => Boolean(body.puzzle)), [false, true]);
    await enter(page, codeIn(await mail('ann@example.com')));
    await signedIn(page).waitFor();
  },

  // ── What the pages say ─────────────────────────────────────────────────────────────────────────────────────────────

  async digits_submit_themselves_and_once({ page }) {
    await ask(page, 'ann@example.com');
    const all = posts(page);
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
    for (const name of fs.readdirSync(given.mail)) seen.add(name);
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

  async fetching_the_link_spends_nothing({ page, context }) {
    await ask(page, 'ann@example.com');
    const text = await mail('ann@example.com');
    const link = linkIn(text);
    const escaped = link.replace('#', '%23');
    for (let n = 0; n < 20; n += 1) assert.equal((await context.request.get(n % 2 ? link : escaped)).status(), 200);
    for (let n = 0; n < 4; n += 1) {
      const scanner = await elsewhere(context);
      const all = posts(scanner);
      await scanner.goto(n % 2 ? link : escaped, { waitUntil: 'networkidle' });
      assert.deepEqual([...new Set(all.map(({ path }) => path))], ['status/']);
      await scanner.close();
    }
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

  async a_tab_learns_that_its_link_was_used({ page, context }) {
    await ask(page, 'ann@example.com');
    const link = linkIn(await mail('ann@example.com'));
    const other = await context.newPage();
    await other.goto(link);
    await signIn(other).click();
    await signedIn(other).waitFor();
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await says(page, /has been used already/);
    await page.getByRole('button', { name: 'Get a new code' }).waitFor();
    await page.reload();
    await emailField(page).waitFor();
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
    await other.getByLabel('E-mail address that the link was sent to').fill('ann@example.com');
    await other.getByRole('button', { name: 'Sign in' }).click();
    await says(other, /only in the browser that asked for it/);
    await page.evaluate(() => localStorage.clear());
    await page.goto(link);
    await page.getByLabel('E-mail address that the link was sent to').fill('ann@example.com');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await signedIn(page).waitFor();
  },
};

// ── Running one ──────────────────────────────────────────────────────────────────────────────────────────────────────

async function main() {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-browser-'));
  const browser = await chromium.launch({
    executablePath: given.chromium,
    env: { ...process.env, HOME: profile },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  try {
    const context = await browser.newContext();
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error));
    await scenarios[process.argv[2]]({ browser, context, page });
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
