/** A small disk of its own (a tmpfs), where this machine lets us mount one. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Why none can be mounted here; undefined where one can. */
  static whyNot(): string | undefined {
    try {
      SmallDisk.mount(1_048_576).remove();
      return undefined;
    } catch (error) {
      return (error as Error).message.replace(/\s+/g, ' ').trim();
    }
  }

  /** Throws where it may not be mounted. */
  static mount(bytes: number): SmallDisk {
    const path = mkdtempSync(join(tmpdir(), 'norigate-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'norigate-test', path], { stdio: 'pipe' });
    } catch (error) {
      rmSync(path, { recursive: true });
      throw error;
    }
    return new SmallDisk(path);
  }

  resize(bytes: number): void {
    execFileSync('mount', ['-o', `remount,size=${bytes}`, this.path], { stdio: 'pipe' });
  }

  remove(): void {
    execFileSync('umount', ['-l', this.path], { stdio: 'pipe' });
    rmSync(this.path, { recursive: true });
  }
}
