import type { Bench } from './support/bench';
export const store: Bench = {
  name: 'store',
  title: 'store',
  async run() {
    return { rates: [], values: [], notes: [] };
  },
};
