// "cookie": the engine keeps the session in a cookie that no script sees.

import { camel, once } from './call.js';

export function createCookieSession(call, shared) {
  async function look(path, body) {
    const before = shared.state();
    let session = null;
    try {
      session = camel(await call(path, body, 'sid'));
    } catch (error) {
      if (error.code !== 'no_session') throw error;
    }
    // What was told meanwhile is newer.
    if (shared.state() === before) shared.tell({ session });
    return shared.state().session;
  }

  const read = once(() => look('session/'));
  const renew = once(() => look('session/renew/', {}));

  return {
    read,
    token: async () => null,
    renewed: renew,
    sign: (request, _, init) => (init?.credentials ? request : new Request(request, { credentials: 'include' })),
    async signIn(path, fields, { returnTo, signal } = {}) {
      if (!globalThis.location) throw new TypeError('Only browsers keep cookies: session: "token"');
      const answer = await call(path, { ...fields, session: true, return_to: returnTo }, 'session', signal);
      shared.tell({ session: camel(answer.session) });
      return camel(answer);
    },
    async logout({ everywhere = false, signal } = {}) {
      try {
        const { pending = 0 } = await call('logout/', { everywhere }, undefined, signal);
        shared.tell({ session: null });
        return { pending };
      } catch (error) {
        // The cookies may be gone all the same.
        if (error.status) await read().catch(() => {});
        throw error;
      }
    },
  };
}
