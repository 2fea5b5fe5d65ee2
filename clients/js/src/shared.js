// What the tabs of this browser know of the session, and tell each other. None of it leaves this origin.

/** How long (ms) other tabs have to say what they know. */
const GRACE = 100;
const WHO = 'who?';

/**
 * A state has `session` (null: nobody; undefined: not known yet), `at` (ms: since when), and whatever else the mode needs.
 * With a `store` its refresh token is kept there.
 *
 * In Node.js there are no tabs: clients of one process may be several people's.
 */
export function createShared(name, tabs = Boolean(globalThis.origin && globalThis.origin !== 'null'), store = null) {
  const listeners = new Set();
  let state = { at: 0 };
  let hasMet = false;
  let heard = () => {};

  const channel = tabs && globalThis.BroadcastChannel ? new BroadcastChannel(name) : null;
  channel?.unref?.();
  channel?.addEventListener('message', ({ data }) => {
    if (data !== WHO) {
      become(data);
      heard();
    } else if (state.session !== undefined) channel.postMessage(state);
  });

  /** The newest state counts, whichever tab it comes from. */
  function become(next) {
    if (!Number.isSafeInteger(next?.at) || next.at <= state.at) return false;
    const before = state.session ?? null;
    state = { session: state.session, ...next };
    store?.write(name, state.refresh && { at: state.at, refresh: state.refresh });
    const after = state.session ?? null;
    const isChange = JSON.stringify(before) !== JSON.stringify(after);
    // Apart from each other, and from us: one that throws keeps nothing from anybody.
    if (isChange) for (const listener of listeners) Promise.resolve(after).then(listener);
    return isChange;
  }

  become(store?.read(name));

  async function meet(isEnough) {
    become(store?.read(name));
    hasMet = true;
    if (!channel) return;
    await new Promise((resolve) => {
      heard = () => isEnough() && resolve();
      setTimeout(resolve, GRACE);
      channel.postMessage(WHO);
    });
  }

  return {
    state: () => state,
    /** Whether the other tabs were asked what they know. */
    hasMet: () => hasMet,
    /** From now on this is so, in every tab. */
    tell(next) {
      const isChange = become({ ...next, at: Math.max(Date.now(), state.at + 1) });
      if (isChange || store) channel?.postMessage(state);
    },
    /** Runs a task while it runs in no other tab, and after they have told what they know; it waits until that is enough. */
    alone(task, isEnough = () => false) {
      const run = async () => {
        await meet(isEnough);
        return task();
      };
      return channel && globalThis.navigator?.locks ? navigator.locks.request(name, run) : run();
    },
    onChange(listener) {
      const own = (session) => listener(session);
      listeners.add(own);
      return () => listeners.delete(own);
    },
  };
}
