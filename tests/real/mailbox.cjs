// Messages that an engine wrote into a folder, as a person reads them.

const fs = require('node:fs');
const path = require('node:path');

/**
 * A mailbox of everybody: `mail(to)` waits for the next message to an address, and returns its text, decoded; `mail.skip()`
 * passes over those that are there.
 */
function openMailbox(folder) {
  const seen = new Set();
  const names = () => (fs.existsSync(folder) ? fs.readdirSync(folder).sort() : []);

  async function mail(to) {
    for (;;) {
      for (const name of names()) {
        if (!name.endsWith('.eml') || seen.has(name)) continue;
        const source = fs.readFileSync(path.join(folder, name), 'utf8').replaceAll('\r\n', '\n');
        if (!new RegExp(`^To: .*${to.replaceAll('.', '\\.')}`, 'm').test(source)) continue;
        seen.add(name);
        return textPart(source);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  mail.skip = () => names().forEach((name) => seen.add(name));
  return mail;
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

module.exports = { openMailbox, codeIn, linkIn };
