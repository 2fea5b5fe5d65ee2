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

async function enter(page, code) {
  await codeField(page).fill(code);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function claims(page) {
  await signedIn(page).waitFor();
  return page.$$eval('#claims dt', (terms) =>
    Object.fromEntries(terms.map((term) => [term.textContent, term.nextElementSibling.firstChild.textContent])));
}

async function says(page, words) {
  await page.waitForFunction(
    (source) => new RegExp(source).test(document.querySelector('[role=alert]').textContent), words.source);
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
    for (const [index, pasted] of [`${code.slice(0, 3)} ${code.slice(3)}`, `${code.slice(0, 3)}-${code.slice(3)}\n`].entries()) {
      await page.evaluate((text) => navigator.clipboard.writeText(text), pasted);
      await codeField(page).fill('');
      await codeField(page).press('Control+V');
      assert.equal((await codeField(page).inputValue()).replace(/\D/g, ''), code, `pasted ${index}`);
    }
    await page.keyboard.press('Enter');
    await signedIn(page).waitFor();
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
      await page.getByRole('button', { name: 'Sign in' }).tap();
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

  async says_when_it_is_too_soon_and_takes_the_code_that_is_there({ page }) {
    await ask(page, 'ann@example.com');
    const code = codeIn(await mail('ann@example.com'));
    await page.goto(url);
    await emailField(page).fill('ann@example.com');
    await page.getByRole('button', { name: 'Send code' }).click();
    await says(page, /Try again in \d+ seconds/);
    await page.getByRole('button', { name: 'Enter the code that you have' }).click();
    await enter(page, code);
    await signedIn(page).waitFor();
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
    const other = await (await context.browser().newContext()).newPage();
    await other.goto(link);
    await other.getByRole('button', { name: 'Sign in' }).click();
    assert.equal((await claims(other)).sub, 'ann@example.com');
    assert.equal(new URL(other.url()).hash, '');
    await other.goto('about:blank');
    await other.goto(link);
    await other.getByRole('button', { name: 'Sign in' }).click();
    await says(other, /has been used already/);
  },

  async fetching_the_link_spends_nothing({ page, context }) {
    await ask(page, 'ann@example.com');
    const text = await mail('ann@example.com');
    const link = linkIn(text);
    for (let n = 0; n < 20; n += 1) assert.equal((await context.request.get(link)).status(), 200);
    const posts = [];
    for (let n = 0; n < 3; n += 1) {
      const scanner = await (await context.browser().newContext()).newPage();
      scanner.on('request', (request) => request.method() === 'GET' || posts.push(request.url()));
      await scanner.goto(link, { waitUntil: 'networkidle' });
      await scanner.close();
    }
    assert.deepEqual(posts, []);
    await page.goto(link);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await signedIn(page).waitFor();
  },

  async a_code_ends_its_link({ page }) {
    await ask(page, 'ann@example.com');
    const text = await mail('ann@example.com');
    await enter(page, codeIn(text));
    await signedIn(page).waitFor();
    await page.goto(linkIn(text));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await says(page, /has been used already/);
    await page.getByRole('link', { name: 'Get a new code' }).waitFor();
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
    const other = await (await context.browser().newContext()).newPage();
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
