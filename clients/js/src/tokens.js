// "token": an access token in memory, and a refresh token that renews it.

import { once } from './call.js';

/** How long before its end (s) an access token is renewed; a short one after three quarters of its life. */
const MARGIN = 30;

export function createTokenSession(call, { state, tell, alone, hasMet }) {
  /** Whether there is an access token, and another one than `old`, that ends after `ahead` seconds. */
  function has(old, ahead) {
    const { access, until } = state();
    return Boolean(access) && access !== old && Date.now() < until - 1000 * ahead;
  }

  const isFresh = (old) => has(old, Math.min(MARGIN, state().life / 4));

  const renew = once((old) => {
    const isEnough = () => isFresh(old);
    return alone(async () => {
      const before = state();
      if (isEnough() || !before.refresh) return;
      try {
        const answer = await call('token/refresh/', { refresh: before.refresh }, 'access');
        // What was told meanwhile is newer.
        if (state() === before) tell(known({ refresh: before.refresh, ...answer }, before));
      } catch (error) {
        if (error.code !== 'token_not_valid') throw error;
        if (state() === before) tell({ session: null, refresh: null });
      }
    }, isEnough);
  });

  async function token(old) {
    if (!isFresh(old) && (state().refresh || !hasMet())) {
      await renew(old).catch((error) => {
        // The one that there is does for a while.
        if (!has(old, 0)) throw error;
      });
    }
    return has(old, 0) ? state().access : null;
  }

  return {
    token,
    read: async () => ((await token()) ? state().session : null),
    renewed: async (old) => old && token(old),
    sign(request, access) {
      if (access) request.headers.set('Authorization', `Bearer ${access}`);
      return request;
    },
    async signIn(path, fields, { signal } = {}) {
      tell(known(await call(path, fields, 'access', signal), {}));
      return {};
    },
    logout: ({ everywhere = false, signal } = {}) =>
      alone(async () => {
        const token = state().refresh ?? state().access;
        tell({ session: null, refresh: null });
        const { pending = 0 } = token ? await call('token/revoke/', { token, everywhere }, undefined, signal) : {};
        return { pending };
      }),
  };
}

/** What tokens tell. Time counts from now, by what the token says of its length: the clock of this machine may be wrong. */
function known({ access, refresh, expires_in }, before) {
  const now = Date.now();
  const { sub, channel, amr, auth_time, sid, iat, exp } = claimsOf(access);
  const life = expires_in ?? (exp - iat || before.life || 60);
  const expiresAt = exp ?? Math.floor(now / 1000) + life;
  return { session: { sub, channel, amr, authTime: auth_time, expiresAt, sid }, access, refresh, life, until: now + 1000 * life };
}

/** The claims of a JWT or a v4.public PASETO, not verified: that is for those who receive it. A v4.local one is opaque. */
function claimsOf(access) {
  try {
    const parts = access.split('.');
    if (parts[1] !== 'public') return parse(bytesOf(parts[1]));
    const claims = parse(bytesOf(parts[2]).slice(0, -64));
    for (const time of ['iat', 'exp']) claims[time] = Date.parse(claims[time]) / 1000;
    return claims;
  } catch {
    return {};
  }
}

function bytesOf(base64url) {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function parse(utf8) {
  return JSON.parse(new TextDecoder().decode(utf8));
}
