// Solves the puzzle of a 429 in the background.

/** The payload for the field `puzzle`, or null where there is no solution or no worker. */
export function solve(puzzle) {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('puzzle-worker.js', import.meta.url));
    const finish = (payload) => {
      worker.terminate();
      resolve(payload);
    };
    worker.onmessage = ({ data: number }) => finish(number === null ? null : payload(puzzle, number));
    worker.onerror = () => finish(null);
    worker.postMessage(puzzle);
  });
}

/** As ALTCHA's own clients make it. */
function payload({ algorithm, challenge, salt, signature }, number) {
  return btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
}
