// What this browser remembers. Where it forbids storage, only this document remembers.

const memory = new Map();

/** Keeps JSON in `localStorage` or `sessionStorage`. */
export function keep(kind, key, value) {
  const text = JSON.stringify(value);
  memory.set(key, text);
  try {
    window[kind].setItem(key, text);
  } catch { /* forbidden or full */ }
}

/** What was kept, or null. */
export function kept(kind, key) {
  let text;
  try {
    text = window[kind].getItem(key);
  } catch {
    text = memory.get(key) ?? null;
  }
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Removes it. */
export function forget(kind, key) {
  memory.delete(key);
  try {
    window[kind].removeItem(key);
  } catch { /* forbidden */ }
}
