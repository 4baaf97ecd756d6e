// Gives a program of a test a clock that can be wrong: `node -r` this file, with CLOCK_FILE naming a file that says by how many
// milliseconds. The file is read at the start and at every SIGUSR2. Only the wall clock is wrong, as it is on a machine.
// A module that `-r` loads has to be CommonJS.
/* eslint-disable @typescript-eslint/no-require-imports */
const { readFileSync } = require('node:fs');

const right = Date.now;
let offsetMs = 0;

function readOffset() {
  offsetMs = Number(readFileSync(process.env.CLOCK_FILE, 'utf8'));
}

readOffset();
process.on('SIGUSR2', readOffset);
Date.now = () => right() + offsetMs;
