import type { Bench } from './support/bench';
export const fanout: Bench = {
  name: 'fanout',
  title: 'fanout',
  async run() {
    return { rates: [], values: [], notes: [] };
  },
};
