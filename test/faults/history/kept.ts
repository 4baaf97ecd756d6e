/** Whether all that was acknowledged is there, as it was acknowledged. */

export interface Kept {
  readonly version: string;
  readonly text: string;
}

export interface KeptHistory {
  readonly acknowledged: ReadonlyMap<string, Kept>;
  /** Keys whose writes were refused. */
  readonly refused: readonly string[];
  readonly stored: ReadonlyMap<string, Kept>;
}

/** What is wrong with it; empty: nothing. */
export function keptFaults({ acknowledged, refused, stored }: KeptHistory): string[] {
  const faults = refused.filter((key) => stored.has(key)).map((key) => `${key} was refused, and is there`);
  for (const [key, kept] of acknowledged) {
    const found = stored.get(key);
    if (!found) faults.push(`${key} was acknowledged, and is not there`);
    else if (found.text !== kept.text || found.version !== kept.version)
      faults.push(`${key} is ${found.text} at ${found.version}: ${kept.text} at ${kept.version} was acknowledged`);
  }
  return faults;
}
