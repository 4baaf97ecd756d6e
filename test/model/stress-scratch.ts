import { runChanges, runRegisters, runTransfers } from './support/kv-model';
import { firstFault } from './support/seeds';
import { resumesLate, oneChangeACommit } from './support/broken-stores';
async function main() {
  for (const b of [resumesLate, oneChangeACommit]) console.log(await firstFault(20, (s) => runChanges(s, b)).catch((e) => 'threw ' + e));
  const base = Date.now() % 1e6;
  for (const [n, run] of Object.entries({ runRegisters, runTransfers, runChanges })) {
    const t = Date.now(); let bad = 0;
    for (let s = base; s < base + Number(process.argv[2]); s++) { const f = await run(s); if (f.length) { bad++; if (bad < 5) console.log(n, s, f.slice(0, 3)); } }
    console.log(n, 'bad', bad, Date.now() - t, 'ms');
  }
}
void main();
