/** The end of a program that a test has started: its storage process has ended too, so that its directory can go. */
import { readFileSync } from 'node:fs';
import { until } from '../../e2e/support/collector';
import { isAlive } from '../../e2e/support/program';
import type { Program } from '../../e2e/support/program';

/** Kills the program alone and waits until what it had started has ended by itself. */
export async function endProgram(program: Program): Promise<void> {
  const children = await program.children();
  await program.destroy();
  await until(() => children.every(isGone));
}

/** Kills the program and what it has started, all at once, as `pkill -9` does. */
export async function killProgram(program: Program): Promise<void> {
  const children = await program.children();
  for (const pid of [program.process.pid!, ...children]) process.kill(pid, 'SIGKILL');
  await program.ended;
  await until(() => children.every(isGone));
}

/** Not alive, or dead and not yet cleared away by whoever inherited it. */
function isGone(pid: number): boolean {
  if (!isAlive(pid)) return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}
