import { createCall } from './call.js';
import { createChallenges } from './challenge.js';
import { createCookieSession } from './cookie.js';
import { createShared } from './shared.js';
import { createStore } from './store.js';
import { createTokenSession } from './tokens.js';

const here = globalThis.location;

export function createClient({ url, session: mode = here ? 'cookie' : 'token', origins = [], storage, tabs }) {
  const base = String(new URL(url, here?.href)).replace(/\/*$/, '/');
  if (!/^https?:/.test(base)) throw new TypeError(`url: ${base} is neither http nor https`);
  if (!/^(cookie|token)$/.test(mode)) throw new TypeError(`session: ${mode} is neither "cookie" nor "token"`);
  const name = `countersign:${mode}:${base}`;
  const trusted = new Set([base, ...origins].map((origin) => new URL(origin).origin));
  const isTrusted = (address) => trusted.has(new URL(address).origin);

  const call = createCall(base);
  const store = createStore(storage);
  const challenges = createChallenges({ call, store, name: `${name}:challenge`, base });
  const isCookie = mode === 'cookie';
  const shared = createShared(name, tabs, isCookie ? null : store);
  const session = (isCookie ? createCookieSession : createTokenSession)(call, shared);

  async function signIn(path, fields, options) {
    const { returnTo } = await session.signIn(path, fields, options);
    challenges.keep(null);
    const signedIn = shared.state().session;
    return returnTo ? { ...signedIn, returnTo } : signedIn;
  }

  return {
    get challenge() {
      return challenges.open();
    },
    set challenge(challenge) {
      challenges.keep(challenge);
    },
    request: challenges.request,
    resend: challenges.resend,
    status: challenges.status,
    async exchange(code, options) {
      const { channel, field, recipient, envelope } = challenges.needed();
      return signIn(`exchange/${channel}/`, { [field]: recipient, token: String(code), challenge: envelope }, options);
    },
    exchangeLink: (token, options) => signIn('exchange/', { token }, options),
    session: session.read,
    accessToken: () => session.token(),
    async fetch(input, init) {
      const request = new Request(input, init);
      if (!isTrusted(request.url) || request.headers.has('Authorization')) return fetch(request);
      // A stream can be sent once.
      const spare = init?.duplex ? null : request.clone();
      const token = await session.token();
      const response = await fetch(session.sign(request, token, init));
      if (response.status !== 401 || !spare || (response.redirected && !isTrusted(response.url))) return response;
      const renewed = await session.renewed(token);
      if (!renewed) return response;
      response.body?.cancel().catch(() => {});
      return fetch(session.sign(spare, renewed, init));
    },
    logout: session.logout,
    onChange: shared.onChange,
  };
}
