// The examples of the client's README: client_readme.cjs SCENARIO, with { url, app, mail, chromium, client, folder } as JSON on
// stdin. Each is taken from the page as it stands there, compiled as an app's own tools would, and goes a whole round. A scenario
// fails by throwing; nothing here waits for a time.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const { createRequire } = require('node:module');
const path = require('node:path');

const { inChromium } = require('./chromium.cjs');
const { openMailbox, codeIn } = require('./mailbox.cjs');

const given = JSON.parse(fs.readFileSync(0, 'utf8'));
const { url, app, folder } = given;
const packages = createRequire(path.join(folder, 'app.js'));
const mail = openMailbox(given.mail);

// ── The README, and what a build makes of it ─────────────────────────────────────────────────────────────────────────

/** The blocks of a chapter, in their order. */
function blocks(chapter) {
  const readme = fs.readFileSync(path.join(given.client, 'README.md'), 'utf8');
  const [, text] = readme.split(`\n## ${chapter}\n`);
  assert.ok(text, `${chapter} is no chapter of the README`);
  return [...text.split('\n## ')[0].matchAll(/^```\w+\n([^]*?)^```/gm)].map(([, code]) => code);
}

/** Writes files and makes one script of them, as Vite and its kin do; the client is found as npm would bring it. */
async function bundle(files, entry, { platform = 'browser', format = 'esm' } = {}) {
  const brought = path.join(folder, 'packages');
  fs.mkdirSync(brought);
  fs.symlinkSync(given.client, path.join(brought, 'countersign-client'));
  for (const [name, code] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), code);
  }
  const { outputFiles } = await packages('esbuild').build({
    entryPoints: [path.join(folder, entry)], bundle: true, write: false, platform, format, jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' }, conditions: [platform], nodePaths: [brought], plugins: [components],
  });
  return outputFiles[0].text;
}

const components = {
  name: 'components',
  setup({ onLoad }) {
    onLoad({ filter: /\.vue$/ }, ({ path: filename }) => {
      const { parse, compileScript } = packages('vue/compiler-sfc');
      const { descriptor, errors } = parse(fs.readFileSync(filename, 'utf8'), { filename });
      assert.deepEqual(errors, []);
      return { contents: compileScript(descriptor, { id: 'app', inlineTemplate: true }).content };
    });
    onLoad({ filter: /\.svelte$/ }, ({ path: filename }) => {
      const { js, warnings } = packages('svelte/compiler').compile(fs.readFileSync(filename, 'utf8'), { filename, generate: 'client' });
      assert.deepEqual(warnings, []);
      return { contents: js.code };
    });
  },
};

/** An app's page, on the origin of countersign, as behind one proxy. */
async function serve(context, script) {
  await context.route(`${url}/app.js`, (route) => route.fulfill({ contentType: 'text/javascript', body: script }));
  await context.route(`${url}/app`, (route) => route.fulfill({
    contentType: 'text/html', body: '<!doctype html><title>App</title><div id="app"></div><script type="module" src="/app.js"></script>',
  }));
}

/** A page in which nothing may go wrong. */
async function open(context, address = `${url}/app`) {
  const page = await context.newPage();
  page.on('pageerror', (error) => { throw error; });
  await page.goto(address);
  return page;
}

// ── What a person does ───────────────────────────────────────────────────────────────────────────────────────────────

const button = (page, name) => page.getByRole('button', { name, exact: true });
const signedIn = (page) => page.getByText(/^Signed in as a…@example\.com/).waitFor();

/** On countersign's own login page. */
async function logIn(page) {
  await page.getByLabel('E-mail address', { exact: true }).fill('ann@example.com');
  await button(page, 'Send code').click();
  await page.getByLabel(/^Code/).fill(codeIn(await mail('ann@example.com')));
}

/** Two tabs of an app that shows "Sign in" or who is signed in: one signs in, both know it; one signs out, both know it. */
async function roundByTheLoginPage(context) {
  const [page, other] = [await open(context), await open(context)];
  for (const each of [page, other]) await button(each, 'Sign in').waitFor();
  await button(page, 'Sign in').click();
  await logIn(page);
  await signedIn(page);
  assert.equal(page.url(), `${url}/app`);
  await signedIn(other);
  await page.reload();
  await signedIn(page);
  await button(other, 'Sign out').click();
  for (const each of [page, other]) await button(each, 'Sign in').waitFor();
}

const scenarios = {
  async the_plain_page_of_the_readme_works({ context }) {
    const [html] = blocks('A plain page');
    await context.route(`${url}/plain`, (route) => route.fulfill({ contentType: 'text/html', body: `<!doctype html>${html}` }));
    const page = await open(context, `${url}/plain`);
    await page.getByLabel('E-mail address').fill('ann@example.com');
    await button(page, 'Next').click();
    await page.getByLabel('Code').fill('000000');
    await button(page, 'Next').click();
    await page.getByRole('alert').filter({ hasText: 'Invalid credentials' }).waitFor();
    await page.getByLabel('Code').fill(codeIn(await mail('ann@example.com')));
    await Promise.all([page.waitForEvent('load'), button(page, 'Next').click()]);
    await page.goto(`${url}/passwordless/login`);
    await signedIn(page);
  },

  async the_react_app_of_the_readme_works({ context }) {
    const [session, account] = blocks('React');
    await serve(context, await bundle({
      'session.jsx': session,
      'account.jsx': account,
      'main.jsx': `import { StrictMode } from 'react';
        import { createRoot } from 'react-dom/client';
        import { Account } from './account.jsx';
        import { SessionProvider } from './session.jsx';
        createRoot(document.getElementById('app')).render(<StrictMode><SessionProvider><Account /></SessionProvider></StrictMode>);`,
    }, 'main.jsx'));
    const [page, other] = [await open(context), await open(context)];
    await other.getByLabel('E-mail address').waitFor();
    await page.getByLabel('E-mail address').fill('ann@example.com');
    await button(page, 'Send code').click();
    await page.getByLabel('Code').fill('000000');
    await button(page, 'Sign in').click();
    await page.getByRole('alert').filter({ hasText: 'Invalid credentials' }).waitFor();
    await page.getByLabel('Code').fill(codeIn(await mail('ann@example.com')));
    await button(page, 'Sign in').click();
    for (const each of [page, other]) await signedIn(each);
    await page.reload();
    await signedIn(page);
    await button(other, 'Sign out').click();
    for (const each of [page, other]) await each.getByLabel('E-mail address').waitFor();
  },

  async the_vue_app_of_the_readme_works({ context }) {
    const [session, component] = blocks('Vue');
    await serve(context, await bundle({
      'session.js': session,
      'Account.vue': component,
      'main.js': `import { createApp } from 'vue';
        import Account from './Account.vue';
        createApp(Account).mount('#app');`,
    }, 'main.js'));
    await roundByTheLoginPage(context);
  },

  async the_svelte_app_of_the_readme_works({ context }) {
    const [session, component] = blocks('Svelte');
    await serve(context, await bundle({
      'session.js': session,
      'Account.svelte': component,
      'main.js': `import { mount } from 'svelte';
        import Account from './Account.svelte';
        mount(Account, { target: document.getElementById('app') });`,
    }, 'main.js'));
    await roundByTheLoginPage(context);
  },

  /**
   * Next.js itself is stood in for: `next/headers` by the request's own headers, `next/navigation` by a throw that becomes a 307, as
   * Next.js answers it, and its server by Node's, which renders the page by React for each request.
   */
  async the_pages_for_next_js_of_the_readme_work({ context }) {
    const [session, account] = blocks('Next.js');
    const here = (code) => code.replace('http://127.0.0.1:8000', url).replace('/passwordless/login', `${url}/passwordless/login`)
      .replace('https%3A%2F%2Fapp.example.com', encodeURIComponent(app));
    const page = await bundle({
      'packages/next/headers.js': 'export const headers = async () => globalThis.headersOfTheRequest;',
      'packages/next/navigation.js': 'export const redirect = (to) => { throw Object.assign(new Error("NEXT_REDIRECT"), { to }); };',
      'app/session.js': here(session),
      'app/account/page.jsx': here(account),
      'server.jsx': `import { renderToStaticMarkup } from 'react-dom/server';
        import Account from './app/account/page.jsx';
        export const render = async () => renderToStaticMarkup(await Account());`,
    }, 'server.jsx', { platform: 'node', format: 'cjs' });
    fs.writeFileSync(path.join(folder, 'built.cjs'), page);
    const { render } = packages('./built.cjs');
    const server = http.createServer(async (request, response) => {
      globalThis.headersOfTheRequest = new Headers({ cookie: request.headers.cookie ?? '' });
      try {
        const html = await render();
        response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(`<!doctype html><title>App</title>${html}`);
      } catch (error) {
        response.writeHead(error.to ? 307 : 500, error.to && { Location: error.to }).end(String(error));
      }
    });
    await new Promise((resolve) => server.listen(new URL(app).port, '127.0.0.1', resolve));
    const tab = await open(context, `${app}/account`);
    await logIn(tab);
    await signedIn(tab);
    assert.equal(tab.url(), `${app}/account`);
    const other = await open(context, `${url}/passwordless/login`);
    await button(other, 'Sign out').click();
    await other.getByText('You are signed out.').waitFor();
    await tab.reload();
    await tab.getByLabel('E-mail address', { exact: true }).waitFor();
    assert.match(tab.url(), /\/passwordless\/login\?return_to=/);
  },

  async the_service_worker_of_the_readme_works({ context }) {
    const [script] = blocks('A service worker');
    await context.route(`${url}/worker.js`, (route) => route.fulfill({ contentType: 'text/javascript', body: script }));
    const shown = [];
    await context.route('https://api.example.com/**', async (route) => {
      shown.push((await route.request().allHeaders()).authorization);
      await route.fulfill({ json: {}, headers: { 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Headers': 'Authorization' } });
    });
    await context.route(`${url}/app`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>App</title>' }));
    const [page, other] = [await open(context), await open(context)];
    for (const each of [page, other]) {
      await each.evaluate(async () => {
        const { createClient } = await import('/passwordless/assets/countersign.js');
        globalThis.auth = createClient({ url: '/passwordless', session: 'token' });
        await navigator.serviceWorker.register('/worker.js', { type: 'module' });
        await navigator.serviceWorker.ready;
      });
    }
    // Only a page that was loaded after it has it.
    await other.reload();
    const ask = () => other.evaluate(async () => (await fetch('https://api.example.com/orders')).status);
    assert.deepEqual([await ask(), shown], [200, [undefined]]);
    await page.evaluate(() => globalThis.auth.request({ email: 'ann@example.com' }));
    await page.evaluate((code) => globalThis.auth.exchange(code), codeIn(await mail('ann@example.com')));
    assert.equal(await ask(), 200);
    assert.equal(shown[1], `Bearer ${await page.evaluate(() => globalThis.auth.accessToken())}`);
    await page.evaluate(() => globalThis.auth.logout());
    assert.deepEqual([await ask(), shown[2]], [200, undefined]);
  },
};

// So that what a service worker fetches is routed, too.
process.env.PW_EXPERIMENTAL_SERVICE_WORKER_NETWORK_EVENTS = '1';
inChromium(given.chromium, ({ context }) => scenarios[process.argv[2]]({ context }));
