import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { serveStore } from '../../storage/server';
import { systemClock } from '../../src/core/clock';
import { TinyStore } from './tiny-store';
const o = JSON.parse(process.argv[2]!) as { dataDir: string; address: string };
const file = join(o.dataDir, 'log');
const s = new TinyStore();
s.attempts.get = () => undefined;
const rev = (_k: string, v: unknown): unknown => (v && (v as { type?: string }).type === 'Buffer' ? Buffer.from((v as { data: number[] }).data) : v);
async function main() {
  if (existsSync(file)) for (const l of readFileSync(file, 'utf8').trim().split('\n')) await TinyStore.prototype.commit.call(s, JSON.parse(l, rev));
  s.commit = (t) => { const b = s.revision; return TinyStore.prototype.commit.call(s, t).then((r) => { if (s.revision > b) appendFileSync(file, JSON.stringify(t) + '\n'); return r; }); };
  const st = s.status.bind(s); s.status = () => st().then((x) => ({ ...x, engine: 'lmdb' }));
  await serveStore({ store: s, address: o.address, clock: systemClock });
  process.send!('ready');
}
void main();
