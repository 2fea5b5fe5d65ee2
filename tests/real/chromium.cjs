// A Chromium of one's own, for as long as some work takes.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { chromium } = require('playwright-core');

/** Runs `work({ browser, context })` in a browser without a past, then ends the process: with 1 and the error, where it threw. */
function inChromium(executablePath, work) {
  run(executablePath, work).then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
  });
}

async function run(executablePath, work) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-browser-'));
  const browser = await chromium.launch({
    executablePath,
    env: { ...process.env, HOME: profile },
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
      // Pages that a test answers for have no address, so that Chromium would ask whether they may reach this machine.
      '--disable-features=LocalNetworkAccessChecks'],
  });
  try {
    const context = await browser.newContext();
    context.setDefaultTimeout(20_000);
    await work({ browser, context });
  } finally {
    await browser.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
}

module.exports = { inChromium };
