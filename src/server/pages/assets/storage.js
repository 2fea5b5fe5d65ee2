// What this browser remembers. A browser that forbids storage only loses the convenience.

/** Keeps JSON in `localStorage` or `sessionStorage`. */
export function keep(kind, key, value) {
  try {
    window[kind].setItem(key, JSON.stringify(value));
  } catch { /* forbidden or full */ }
}

/** What was kept and hasn't passed its `expiresAt` (ms), or null. */
export function kept(kind, key) {
  try {
    const value = JSON.parse(window[kind].getItem(key));
    if (value && value.expiresAt > Date.now()) return value;
  } catch { /* forbidden or damaged */ }
  forget(kind, key);
  return null;
}

/** Removes it. */
export function forget(kind, key) {
  try {
    window[kind].removeItem(key);
  } catch { /* forbidden */ }
}
