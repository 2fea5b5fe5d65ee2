// Solves the puzzle on standard input with npm's altcha-lib (version 2, format 1) and prints the payload.
// altcha-lib is looked for in the working directory.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { solveChallenge } = createRequire(process.cwd() + "/")("altcha-lib/v1");
const { algorithm, challenge, maxnumber, salt, signature } = JSON.parse(readFileSync(0, "utf8"));
const { number, took } = await solveChallenge(challenge, salt, algorithm, maxnumber).promise;
console.log(btoa(JSON.stringify({ algorithm, challenge, number, salt, signature, took })));
