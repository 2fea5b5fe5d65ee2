export class CountersignError extends Error {
  /** `answer`: what the engine said, or `{ code, detail }` of our own. */
  constructor(status, answer, retryAfter, cause) {
    const { code = 'unexpected', detail = `${code}: ${status}`, errors: fields = {}, attempts_left: attemptsLeft, puzzle } = Object(answer);
    super(detail, { cause });
    Object.assign(this, { name: 'CountersignError', status, code, detail, fields, attemptsLeft, retryAfter });
    Object.defineProperty(this, 'puzzle', { value: puzzle });
  }
}
