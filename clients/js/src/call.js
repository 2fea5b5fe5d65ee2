// Calls of the engine.

import { CountersignError } from './error.js';

/** How long (ms) an answer may take: a renewal keeps other tabs waiting. */
const PATIENCE = 30_000;

/**
 * `call(path, body, member, signal)` POSTs JSON, or GETs where there is no body; `member` is what the answer has to have.
 * Whatever goes wrong is a `CountersignError`.
 */
export function createCall(base) {
  return async (path, body, member, signal) => {
    let response;
    let answer;
    try {
      response = await fetch(base + path, {
        method: body ? 'POST' : 'GET',
        headers: body ? { Accept: 'application/json', 'Content-Type': 'application/json' } : { Accept: 'application/json' },
        body: body && JSON.stringify(body),
        credentials: 'include',
        // Codes and tokens don't follow a redirect.
        redirect: 'error',
        signal: signal ?? AbortSignal.timeout(PATIENCE),
      });
      answer = await response.json();
    } catch (cause) {
      // What isn't JSON comes from something in between, and has a status all the same.
      if (cause.name !== 'SyntaxError' || !response) {
        throw new CountersignError(0, signal?.aborted ? ABORTED : UNREACHABLE, undefined, cause);
      }
    }
    if (response.ok && (member ? Object(answer)[member] : answer)) return answer;
    const retryAfter = Number.parseInt(response.headers.get('Retry-After'), 10);
    throw new CountersignError(response.status, answer, retryAfter >= 0 ? retryAfter : undefined);
  };
}

const ABORTED = { code: 'aborted', detail: 'The call was aborted.' };
const UNREACHABLE = { code: 'unreachable', detail: 'The server cannot be reached.' };

/** snake_case to camelCase. */
export function camel(object) {
  const named = ([key, value]) => [key.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()), value];
  return Object.fromEntries(Object.entries(object).map(named));
}

/** Parallel calls of a task are one. */
export function once(task) {
  let running;
  return (...values) => {
    running ??= task(...values).finally(() => {
      running = undefined;
    });
    return running;
  };
}
