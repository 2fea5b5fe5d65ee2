// Looks now and then, while somebody sees the page.

/** The shortest time between two looks (ms). */
const PAUSE = 5000;

/** `look()` says how long (ms) it would like to wait until the next time, if longer. */
export function watch(look) {
  let [timer, earliest, isLooking] = [undefined, 0, false];

  async function turn() {
    clearTimeout(timer);
    if (isLooking || document.visibilityState !== 'visible') return;
    const pause = earliest - Date.now();
    if (pause > 0) {
      timer = setTimeout(turn, pause);
      return;
    }
    isLooking = true;
    earliest = Date.now() + Math.max(PAUSE, (await look()) ?? 0);
    isLooking = false;
    turn();
  }

  document.addEventListener('visibilitychange', turn);
  turn();
}
