// Proofs of work in ALTCHA's format: the number for which SHA-256(salt + number) is the challenge.

import { searcher } from './sha256.js';

const WORKER = 'countersign-puzzle';
/** How long (ms) a solution counts. */
const LIFETIME = 60_000;
/** Numbers in a slice: some 2 ms. */
const SLICE = 2048;

/** The payload for the field `puzzle`, as ALTCHA's own clients make it; null where none is found. */
export async function solve({ algorithm = 'SHA-256', challenge, salt, maxnumber = 1e6, signature }, base) {
  // This module is the worker's script. In a bundle its address is the bundle's, but the engine has it, too.
  const script = /\/countersign(\.\w{16})?\.js$/.test(import.meta.url) ? import.meta.url : `${base}assets/countersign.js`;
  const puzzle = { challenge, salt, maxnumber };
  if (algorithm !== 'SHA-256') return null;
  const number = await inWorker(script, puzzle).catch(() => search(puzzle));
  return number === null ? null : btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
}

/** Fails where no worker can be had: in Node.js, from another origin, where a policy forbids it. */
function inWorker(script, puzzle) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, { type: 'module', name: WORKER });
    worker.onmessage = ({ data }) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = reject;
    worker.postMessage(puzzle);
  });
}

// A node serves its own version of this module to clients of others: a puzzle comes, a number or null goes.
if (globalThis.DedicatedWorkerGlobalScope && globalThis.name === WORKER) {
  globalThis.onmessage = async ({ data }) => globalThis.postMessage(await search(data));
}

async function search({ challenge, salt, maxnumber }) {
  const find = searcher(challenge, salt);
  const end = Date.now() + LIFETIME;
  for (let from = 0; from <= maxnumber && Date.now() < end; from += SLICE) {
    const found = find(from, Math.min(from + SLICE, maxnumber + 1));
    if (found !== null) return found;
    await pause();
  }
  return null;
}

/** Lets others have their turn. Timers would wait longer, above all in tabs that nobody sees. */
function pause() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
