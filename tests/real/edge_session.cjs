// A person and a protected app, in Chromium: with {url, mail, chromium} as JSON on stdin. Prints the cookie of a second session,
// which stays. A step fails by throwing; nothing here waits for a time.

const assert = require('node:assert/strict');
const fs = require('node:fs');

const { inChromium } = require('./chromium.cjs');
const { openMailbox, codeIn } = require('./mailbox.cjs');

const { url, mail: folder, chromium: executablePath } = JSON.parse(fs.readFileSync(0, 'utf8'));
const mail = openMailbox(folder);
const address = 'ann@example.com';

/** On the login page, as a person does it; the page leads on by itself. */
async function logIn(page) {
  await page.getByLabel('E-mail address', { exact: true }).fill(address);
  await page.getByRole('button', { name: 'Send code' }).click();
  await page.getByLabel(/^Code/).fill(codeIn(await mail(address)));
  await page.waitForURL(({ pathname }) => !pathname.startsWith('/passwordless/'));
}

const seen = async (page) => JSON.parse(await page.locator('body').innerText());

async function round(context, page) {
  // Nobody is signed in: the protected page leads to the login page, which is told where to lead back to.
  await page.goto(`${url}/account/x?tab=2&next=/y`);
  assert.equal(new URL(page.url()).pathname, '/passwordless/login');
  await page.getByLabel('E-mail address', { exact: true }).waitFor();
  // What a script asks for is refused, and leads nowhere.
  assert.equal(await page.evaluate(async () => (await fetch('/account/data')).status), 401);

  await logIn(page);
  assert.equal(page.url(), `${url}/account/x?tab=2&next=/y`);
  const { line, headers } = await seen(page);
  assert.equal(line, 'GET /account/x?tab=2&next=/y HTTP/1.1');
  assert.deepEqual(headers['x-auth-subject'], [address]);

  // The app's own pages change things; those of others don't.
  assert.equal(await page.evaluate(async () => (await fetch('/account/data', { method: 'POST', body: 'x' })).status), 200);
  const elsewhere = await context.newPage();
  await context.route('http://evil.example/**', (route) => route.fulfill({
    contentType: 'text/html', body: `<form method="post" action="${url}/account/delete"><button>Go</button></form>`,
  }));
  await elsewhere.goto('http://evil.example/');
  const [answer] = await Promise.all([
    elsewhere.waitForResponse((response) => response.url() === `${url}/account/delete`),
    elsewhere.getByRole('button', { name: 'Go' }).click(),
  ]);
  assert.ok([401, 403].includes(answer.status()), String(answer.status()));
  await elsewhere.close();

  // Signed out, it is as before.
  await page.goto(`${url}/passwordless/logout/?return_to=${encodeURIComponent(`${url}/account/x`)}`);
  const cookie = (await context.cookies()).find(({ name }) => name === 'countersign_session');
  await page.getByRole('button').last().click();
  await page.waitForURL(/\/passwordless\/login\?/);
  assert.ok(!(await context.cookies()).some(({ name }) => name === 'countersign_session'));
  // The cookie that was there is worth nothing, wherever it was kept.
  await context.addCookies([cookie]);
  await page.goto(`${url}/account/x`);
  assert.equal(new URL(page.url()).pathname, '/passwordless/login');
}

inChromium(executablePath, async ({ context }) => {
  const page = await context.newPage();
  await round(context, page);
  await context.clearCookies();
  await page.goto(`${url}/`);
  await logIn(page);
  console.log((await context.cookies()).find(({ name }) => name === 'countersign_session').value);
});
