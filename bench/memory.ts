import type { Bench } from './support/bench';
export const memory: Bench = {
  name: 'memory',
  title: 'memory',
  async run() {
    return { rates: [], values: [], notes: [] };
  },
};
