// Says what the engine answered, by its stable codes: its own words are in English and not for people.

import { counted, later, text } from './texts.js';

/** What is wrong; `thing` is what was refused: "code" or "link". */
export function explain({ error: { code, fields, attemptsLeft, retryAfter } }, thing) {
  switch (code) {
    case 'invalid_credentials':
      return wrong(attemptsLeft, thing);
    case 'challenge_expired':
      return text(`${thing}_expired`);
    case 'challenge_spent':
      return text(`${thing}_spent`);
    case 'attempts_exhausted':
      return text('exhausted');
    case 'misdirected':
      return text(`${thing}_forgotten`);
    case 'throttled':
    case 'unavailable':
      return text(code, { time: later(retryAfter) });
    case 'method_disabled':
    case 'delivery_failed':
    case 'unreachable':
    case 'needs_cookies':
      return text(code);
    case 'request_timeout':
      return text('too_slow');
    case 'invalid':
      return text(fields.challenge ? 'no_challenge' : 'not_understood');
    default:
      return text('unexpected', { code });
  }
}

/** What is wrong with a recipient. */
export function explainRecipient(channel) {
  return text(`invalid_${channel}`);
}

function wrong(attemptsLeft, thing) {
  if (thing === 'link') return text('link_wrong');
  if (attemptsLeft === undefined) return text('code_wrong');
  return `${text('code_wrong')} ${attemptsLeft === 0 ? text('no_attempts_left') : counted('attempts_left', attemptsLeft)}`;
}
