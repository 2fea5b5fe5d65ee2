// Makes countersign.js of src/: `NODE_PATH=<node_modules> node build.mjs [out]`, with esbuild as tests/real/package.json pins it.
// A test compares what is here with what this makes.

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const { buildSync } = createRequire(import.meta.url)('esbuild');
const beside = (name) => fileURLToPath(new URL(name, import.meta.url));

buildSync({
  entryPoints: [beside('src/index.js')],
  outfile: process.argv[2] ?? beside('countersign.js'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  banner: { js: '// countersign-client, MIT. Made of clients/js/src by build.mjs.' },
});
