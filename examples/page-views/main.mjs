// An application of its own: fields for page views, beside everything that norigate serves.
import { createGateway, invalidArgument } from 'norigate';

const typeDefs = `
  "Views of one page."
  type PageViews { path: String! views: SafeInt! }
  extend type Query { "A page's views." pageViews(path: String!): PageViews! }
  extend type Mutation { "Counts a view." viewPage(path: String!, requestId: String): PageViews! }
`;

const nameOf = (path) => {
  if (!path.startsWith('/')) throw invalidArgument('path', `"${path}" does not begin with a slash`);
  return `views-of:${path}`;
};

const resolvers = {
  Query: {
    async pageViews(_source, { path }, { patterns }) {
      const counter = await patterns.counters.get(nameOf(path));
      return { path, views: counter?.value ?? 0 };
    },
  },
  Mutation: {
    async viewPage(_source, { path, requestId }, { patterns }) {
      const { value } = await patterns.counters.increment({
        name: nameOf(path),
        by: 1,
        idempotencyKey: requestId ?? undefined,
      });
      return { path, views: value };
    },
  },
};

const gateway = await createGateway({ typeDefs, resolvers, config: process.env });
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => gateway.stop());
