import type { Bench } from './support/bench';
export const hot: Bench = { name: 'hot', title: 'hot', async run() { return { rates: [], values: [], notes: [] }; } };
