// Talks to the engine, and says in plain words what it answers.

const { base } = document.documentElement.dataset;

/** POSTs JSON to an endpoint below the base path; never throws: a server that can't be reached is status 0. */
export async function post(path, body, signal) {
  try {
    const response = await fetch(`${base}/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify(body),
      signal,
    });
    const answer = await response.json().catch(() => ({}));
    const retryAfter = Number.parseInt(response.headers.get('Retry-After'), 10);
    return { ok: response.ok, status: response.status, body: answer, code: answer.code, retryAfter: retryAfter || 0 };
  } catch {
    return { ok: false, status: 0, body: {}, code: 'unreachable', retryAfter: 0 };
  }
}

/** Whether nothing will ever open this challenge again. */
export function isOver({ code, body }) {
  const ends = ['challenge_expired', 'challenge_spent', 'attempts_exhausted', 'misdirected'];
  return ends.includes(code) || body.attempts_left === 0;
}

/** The first message about a field, if the answer has one. */
export function fieldError({ code, body }, field) {
  return code === 'invalid' ? body.errors?.[field]?.[0] : undefined;
}

/** `thing` is what was refused: "code" or "link". */
export function explain(answer, thing) {
  const { code, body, retryAfter } = answer;
  switch (code) {
    case 'invalid_credentials':
      return wrong(body.attempts_left, thing);
    case 'challenge_expired':
      return `This ${thing} has expired. Get a new code.`;
    case 'challenge_spent':
      return `This ${thing} has been used already. Get a new code.`;
    case 'attempts_exhausted':
      return 'No attempts left for this code. Get a new one.';
    case 'misdirected':
      return `The server has forgotten this ${thing}, probably because it was restarted. Get a new code.`;
    case 'method_disabled':
      return 'Signing in this way is switched off here.';
    case 'throttled':
      return `Too soon for another code. Try again ${later(retryAfter)}.`;
    case 'delivery_failed':
      return 'The message could not be sent. Try again in a moment.';
    case 'unavailable':
      return `The service can’t answer just now. Try again ${later(retryAfter)}.`;
    case 'unreachable':
      return 'The server can’t be reached. Check your connection and try again.';
    case 'request_timeout':
      return 'The connection is too slow. Try again.';
    case 'invalid':
      return complaint(body);
    default:
      return `Something went wrong${code ? ` (${code})` : ''}. Try again in a moment.`;
  }
}

/** "in 42 seconds", "in 3 minutes". */
export function later(seconds) {
  if (seconds <= 0) return 'in a moment';
  const [count, unit] = seconds < 100 ? [seconds, 'second'] : [Math.ceil(seconds / 60), 'minute'];
  return `in ${count} ${unit}${count === 1 ? '' : 's'}`;
}

function wrong(attemptsLeft, thing) {
  if (thing === 'link') return 'This link is not valid here. Something may have damaged it on its way.';
  if (attemptsLeft === undefined) return 'This code is not right.';
  if (attemptsLeft === 0) return 'This code is not right. No attempts left: get a new code.';
  return `This code is not right. ${attemptsLeft} ${attemptsLeft === 1 ? 'attempt' : 'attempts'} left.`;
}

function complaint(body) {
  if (body.errors?.challenge) return 'This browser holds no open request for a code. Get a new code.';
  const first = Object.values(body.errors ?? {})[0]?.[0];
  return first ?? body.non_field_errors?.[0] ?? 'The server did not understand the request.';
}
