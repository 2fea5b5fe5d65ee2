// The whole round through an example app, in Chromium: apps.cjs SCENARIO, with { app, mail, chromium } as JSON on stdin.
// protected page → login → back → logout → refused. A scenario fails by throwing; nothing here waits for a time.

const assert = require('node:assert/strict');
const fs = require('node:fs');

const { inChromium } = require('./chromium.cjs');
const { openMailbox, codeIn } = require('./mailbox.cjs');

const given = JSON.parse(fs.readFileSync(0, 'utf8'));
const { app } = given;
const mail = openMailbox(given.mail);

const heading = (page, name) => page.getByRole('heading', { name, exact: true });
const loginPage = (page) => page.getByLabel('E-mail address', { exact: true });

/** On countersign's own login page. */
async function logIn(page, address) {
  await loginPage(page).fill(address);
  await page.getByRole('button', { name: 'Send code' }).click();
  await page.getByLabel(/^Code/).fill(codeIn(await mail(address)));
}

const scenarios = {
  async round_by_session({ page, context }) {
    // Straight to the protected page: countersign asks who it is, and leads back.
    await page.goto(`${app}/account?tab=2`);
    await logIn(page, 'ann@example.com');
    await page.getByText(/^Signed in as a/).waitFor();
    assert.equal(page.url(), `${app}/account?tab=2`);
    await page.reload();
    await page.getByText(/^Signed in as a/).waitFor();

    await page.getByRole('link', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await heading(page, 'Welcome').waitFor();

    await page.goto(`${app}/account`);
    await loginPage(page).waitFor();
    assert.match(page.url(), /\/passwordless\/login\?return_to=/);
    // Neither does going back show it.
    await page.goBack();
    assert.equal(await page.getByText(/^Signed in as/).count(), 0);
    for (const cookie of await context.cookies()) assert.ok(!/countersign_(session|access)$/.test(cookie.name), cookie.name);
  },

  async posts_from_elsewhere_are_refused({ page, context }) {
    await page.goto(`${app}/account`);
    await logIn(page, 'bob@example.com');
    await page.getByLabel('Note').fill('<b>mine</b>');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.locator('#note', { hasText: '<b>mine</b>' }).waitFor();
    // Another host of the same site: the cookie comes along.
    const elsewhere = await context.newPage();
    await context.route('http://localhost:7995/**', (route) => route.fulfill({
      contentType: 'text/html', body: `<form method="post" action="${app}/note"><input name="note" value="theirs"><button>Go</button></form>`,
    }));
    await elsewhere.goto('http://localhost:7995/');
    const [answer] = await Promise.all([elsewhere.waitForResponse(`${app}/note`), elsewhere.getByRole('button').click()]);
    assert.equal(answer.status(), 403);
    await page.reload();
    await page.locator('#note', { hasText: '<b>mine</b>' }).waitFor();
  },

  async round_by_bearer({ page }) {
    await page.goto(`${app}/`);
    const account = page.getByRole('status');
    await account.filter({ hasText: 'Refused: 401' }).waitFor();
    await page.getByLabel('E-mail address').fill('carl@example.com');
    await page.getByRole('button', { name: 'Send code' }).click();
    await page.getByLabel('Code').fill(codeIn(await mail('carl@example.com')));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await account.filter({ hasText: 'Signed in as carl@example.com' }).waitFor();
    await page.reload();
    await account.filter({ hasText: 'Signed in as carl@example.com' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await account.filter({ hasText: 'Refused: 401' }).waitFor();
    await page.reload();
    await account.filter({ hasText: 'Refused: 401' }).waitFor();
  },
};

inChromium(given.chromium, async ({ browser, context }) => {
  await scenarios[process.argv[2]]({ browser, context, page: await context.newPage() });
});
