// Own SHA-256: WebCrypto is missing on plain http, and slow for inputs this short, since each of its hashes is a promise.

/** `find(from, to)` finds the number of which SHA-256(salt + number) is the hash, or null. */
export function searcher(hash, salt) {
  const wanted = Int32Array.from({ length: 8 }, (_, i) => Number.parseInt(hash.slice(8 * i, 8 * i + 8), 16));
  const prefix = new TextEncoder().encode(salt);
  const whole = prefix.length - (prefix.length % 64);
  const start = Int32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
  for (let at = 0; at < whole; at += 64) compress(start, prefix, at);
  const tail = new Uint8Array(128);
  const view = new DataView(tail.buffer);
  const state = new Int32Array(8);

  function isRight(number) {
    tail.fill(0);
    tail.set(prefix.subarray(whole));
    let end = prefix.length - whole;
    for (const digit of String(number)) tail[end++] = digit.charCodeAt(0);
    tail[end] = 0x80;
    const length = end < 56 ? 64 : 128;
    view.setUint32(length - 4, (whole + end) * 8);
    state.set(start);
    for (let at = 0; at < length; at += 64) compress(state, tail, at);
    return state.every((word, i) => word === wanted[i]);
  }

  return (from, to) => {
    for (let number = from; number < to; number += 1) if (isRight(number)) return number;
    return null;
  };
}

// FIPS 180-4, §4.2.2 and §5.3.3: the fractional parts of the primes' cube and square roots.
const PRIMES = [];
for (let n = 2; PRIMES.length < 64; n += 1) if (PRIMES.every((prime) => n % prime)) PRIMES.push(n);
const fraction = (root) => Math.floor((root % 1) * 2 ** 32) | 0;
const K = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));

const W = new Int32Array(64);
const turn = (x, n) => (x >>> n) | (x << (32 - n));

function compress(state, block, at) {
  for (let i = 0; i < 16; i += 1, at += 4) {
    W[i] = (block[at] << 24) | (block[at + 1] << 16) | (block[at + 2] << 8) | block[at + 3];
  }
  for (let i = 16; i < 64; i += 1) {
    const s0 = turn(W[i - 15], 7) ^ turn(W[i - 15], 18) ^ (W[i - 15] >>> 3);
    const s1 = turn(W[i - 2], 17) ^ turn(W[i - 2], 19) ^ (W[i - 2] >>> 10);
    W[i] = W[i - 16] + s0 + W[i - 7] + s1;
  }
  let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i += 1) {
    const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
    const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0;
    d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d;
  state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}
