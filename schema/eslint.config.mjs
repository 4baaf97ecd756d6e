// Lint of the contract with clients: the SDL in schema/*.graphql, and the documents in schema/operations/, which are
// checked against it. `npm run check:schema`; test/contract/lint.test.ts runs it too, and shows that it can fail.
import graphqlPlugin from '@graphql-eslint/eslint-plugin';
import path from 'node:path';

const here = import.meta.dirname;
const graphQLConfig = {
  schema: path.join(here, '*.graphql'),
  documents: path.join(here, 'operations', '*.graphql'),
};
const base = {
  plugins: { '@graphql-eslint': graphqlPlugin },
  languageOptions: { parser: graphqlPlugin.parser, parserOptions: { graphQLConfig } },
};

export default [
  {
    ...base,
    files: ['**/*.graphql'],
    ignores: ['**/operations/**'],
    rules: {
      ...graphqlPlugin.configs['flat/schema-recommended'].rules,
      // The contract's own names: `eventId` beside the global `id`, records without a global id.
      '@graphql-eslint/no-typename-prefix': 'off',
      '@graphql-eslint/strict-id-in-types': 'off',
      // Comments that head a section are not descriptions; both styles of description are fine.
      '@graphql-eslint/no-hashtag-description': 'off',
      '@graphql-eslint/description-style': 'off',
      '@graphql-eslint/require-description': ['error', { types: true, rootField: true, DirectiveDefinition: true }],
      '@graphql-eslint/require-nullable-fields-with-oneof': 'error',
      '@graphql-eslint/require-deprecation-reason': 'error',
      '@graphql-eslint/no-unreachable-types': 'error',
      '@graphql-eslint/unique-enum-value-names': 'error',
    },
  },
  {
    ...base,
    files: ['**/operations/*.graphql'],
    rules: {
      ...graphqlPlugin.configs['flat/operations-recommended'].rules,
      // Where an object has a global id it is selected, since clients' caches need it.
      '@graphql-eslint/require-selections': 'error',
      '@graphql-eslint/selection-set-depth': ['error', { maxDepth: 10 }],
      '@graphql-eslint/unique-operation-name': 'error',
      '@graphql-eslint/unique-fragment-name': 'error',
      '@graphql-eslint/no-unused-fragments': 'error',
    },
  },
];
