// ALTCHA's own library solves a puzzle: JSON on stdin, the payload for the field `puzzle` on stdout.

const fs = require('node:fs');
const { solveChallenge } = require('altcha-lib');

const puzzle = JSON.parse(fs.readFileSync(0, 'utf8'));

solveChallenge(puzzle.challenge, puzzle.salt, puzzle.algorithm, puzzle.maxnumber).promise.then((solution) => {
  if (!solution) throw new Error('there is no solution');
  const { algorithm, challenge, salt, signature } = puzzle;
  const payload = { algorithm, challenge, number: solution.number, salt, signature, took: solution.took };
  console.log(Buffer.from(JSON.stringify(payload)).toString('base64'));
});
