// What helps who waits for a message.

import { mailProgramOf } from './mail-programs.js';
import { text } from './texts.js';

/** How long nobody needs help (ms). */
const PATIENCE = 30_000;
const [program, help] = [document.getElementById('open-mail'), document.getElementById('nothing-yet')];
let timer;

/** A message is on its way to a recipient. */
export function startWaiting({ channel, recipient }) {
  stopWaiting();
  timer = setTimeout(() => {
    help.textContent = text(channel === 'email' ? 'look_in_spam' : 'look_at_number');
  }, PATIENCE);
  const reads = channel === 'email' ? mailProgramOf(recipient) : undefined;
  if (!reads) return;
  program.textContent = text('open_program', { program: reads.name });
  program.href = reads.href;
  program.hidden = false;
}

/** Nothing is waited for any more. */
export function stopWaiting() {
  clearTimeout(timer);
  help.textContent = '';
  program.hidden = true;
  program.removeAttribute('href');
}
