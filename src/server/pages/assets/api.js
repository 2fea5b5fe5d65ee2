// Talks to the engine.

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

/** Whether what was sent is not right, or not this recipient's. */
export function isWrong({ code }) {
  return code === 'invalid_credentials';
}

/** Whether this field was refused, and not what it is about. */
export function refuses({ code, body }, field) {
  return code === 'invalid' && Boolean(body.errors?.[field]);
}
