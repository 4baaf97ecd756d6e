import type { Bench } from './support/bench';
export const reads: Bench = {
  name: 'reads',
  title: 'reads',
  async run() {
    return { rates: [], values: [], notes: [] };
  },
};
