// Messages as mail programs show them, in Chromium: messages.cjs, with {folder, languages, chromium} as JSON on stdin.
// `folder` is what `countersign preview` wrote.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');

const given = JSON.parse(fs.readFileSync(0, 'utf8'));
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

async function look(browser, language, width, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
  const page = await context.newPage();
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`file://${path.join(given.folder, language.tag, 'email.html')}`);
  const where = `${language.tag}, ${width} px, ${colorScheme}`;
  const seen = await page.evaluate(() => {
    const code = document.querySelector('.code');
    const style = getComputedStyle(code);
    const selection = getSelection();
    selection.selectAllChildren(code);
    return {
      overflow: document.documentElement.scrollWidth - innerWidth,
      lang: document.documentElement.lang,
      dir: getComputedStyle(document.documentElement).direction,
      headingDir: getComputedStyle(document.querySelector('h1')).direction,
      column: document.querySelector('.card').getBoundingClientRect().width,
      code: selection.toString(),
      size: Number.parseFloat(style.fontSize),
      select: style.userSelect,
      button: document.querySelector('a').getBoundingClientRect().height,
      background: getComputedStyle(document.body).backgroundColor,
      top: document.elementFromPoint(innerWidth / 2, 40).textContent.trim().slice(0, 80),
    };
  });
  assert.ok(seen.overflow <= 0, `${where}: ${seen.overflow} px too wide`);
  assert.deepEqual([seen.lang, seen.dir, seen.headingDir], [language.tag, language.dir, language.dir], where);
  assert.ok(seen.column <= 482, `${where}: a column of ${seen.column} px`);
  assert.match(seen.code, new RegExp(`^[0-9A-Z]{${given.length}}$`), `${where}: the code is copied as it is`);
  assert.equal(seen.select, 'all', where);
  assert.ok(seen.size >= 20 && seen.button >= 44, `${where}: too small for a finger or an eye`);
  const [red] = /\d+/.exec(seen.background);
  assert.equal(Number(red) < 64, colorScheme === 'dark', `${where}: ${seen.background}`);
  assert.ok(asked.length === 1, `${where}: it loads ${asked}`);
  if (width === 390) {
    const { violations } = await page.evaluate(`${axe};axe.run(document, { resultTypes: ['violations'], runOnly: ${JSON.stringify(RULES)} })`);
    const said = violations.map((found) => `${found.id}: ${found.nodes.map((node) => `${node.html} ${node.failureSummary}`).join('\n')}`);
    assert.deepEqual(said, [], where);
  }
  await context.close();
}

(async () => {
  const browser = await chromium.launch({ executablePath: given.chromium, args: ['--no-sandbox'] });
  try {
    for (const language of given.languages) {
      for (const width of [320, 390, 700]) {
        for (const scheme of ['light', 'dark']) await look(browser, language, width, scheme);
      }
    }
  } finally {
    await browser.close();
  }
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
