/**
 * Long work as bars at the bottom of a terminal, one for each piece of work. Where nobody looks at a terminal there are none:
 * the log says the same in lines.
 */
import { MultiBar, Presets } from 'cli-progress';
import type { SingleBar } from 'cli-progress';

/** How far something has come. */
export interface Progress {
  /** What is being done, the same words each time. */
  readonly name: string;
  readonly done: number;
  /** As far as is known; at least `done`. */
  readonly total: number;
  readonly unit: string;
  readonly isDone: boolean;
}

export type ShowProgress = (progress: Progress) => void;

/** Draws on `stream`, where that is a terminal. */
export function makeProgressBars(stream: NodeJS.WriteStream): ShowProgress {
  if (stream.isTTY !== true) return () => undefined;
  const all = new MultiBar(
    {
      stream,
      format: '{name} {bar} {percentage} %, {value} of {total} {unit}',
      clearOnComplete: true,
      hideCursor: false,
      emptyOnZero: true,
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  const bars = new Map<string, SingleBar>();
  return ({ name, done, total, unit, isDone }) => {
    let bar = bars.get(name);
    if (!bar && isDone) return;
    if (!bar) bars.set(name, (bar = all.create(total, done, { name, unit })));
    bar.setTotal(Math.max(total, done));
    bar.update(done);
    if (!isDone) return;
    bars.delete(name);
    all.remove(bar);
    // Its timer would draw on for ever.
    if (bars.size === 0) all.stop();
  };
}
