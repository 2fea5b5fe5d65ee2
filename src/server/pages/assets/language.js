// The menu of languages. A choice stays for the visit: a cookie of this session, since the server renders the pages.

import { forget, keep, kept } from './storage.js';

const TYPED = 'countersign.typed';
const COOKIE = 'countersign_language';
const { base } = document.documentElement.dataset;
const menu = document.getElementById('language');

// A site may have one language only.
menu?.addEventListener('change', () => {
  // The login page may be at the root too, where a cookie of the base path doesn't arrive.
  const path = location.pathname.startsWith(`${base}/`) ? base : '';
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  document.cookie = `${COOKIE}=${menu.value}; Path=${path || '/'}; SameSite=Lax${secure}`;
  keep('sessionStorage', TYPED, [...document.querySelectorAll('input')].map(({ id, value }) => [id, value]));
  location.reload();
});

/** Puts back what was typed before the language was changed. */
export function restoreTyped() {
  for (const [id, value] of kept('sessionStorage', TYPED) ?? []) {
    const field = document.getElementById(id);
    if (field && value) field.value = value;
  }
  forget('sessionStorage', TYPED);
}
