import type { Bench } from './support/bench';
export const recovery: Bench = {
  name: 'recovery',
  title: 'recovery',
  async run() {
    return { rates: [], values: [], notes: [] };
  },
};
