import { serverAudits } from 'graphql-http';
import { startSampleGateway } from './support/sample-gateway';
import type { SampleGateway } from './support/sample-gateway';

describe('GraphQL over HTTP, by the audits of graphql-http', () => {
  let gateway: SampleGateway;
  const audits = serverAudits({ url: () => `${gateway.origin}/graphql`, fetchFn: fetch });

  beforeAll(async () => {
    gateway = await startSampleGateway();
  });
  afterAll(() => gateway.stop());

  it('has all 61 of them', () => {
    expect(audits).toHaveLength(61);
  });

  for (const audit of audits) {
    it(`${audit.id} ${audit.name}`, async () => {
      const result = await audit.fn();
      if (result.status === 'ok') return;
      throw new Error(`${result.status}: ${result.reason}`);
    });
  }
});
