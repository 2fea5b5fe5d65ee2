// The client's public names; countersign.d.ts documents them. `node build.mjs` makes ../countersign.js of this folder.

export { createClient } from './client.js';
export { CountersignError } from './error.js';
