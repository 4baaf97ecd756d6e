/**
 * Documents about machine learning, found by a question that has other words:
 *
 *     node examples/meaning/machine-learning.mjs [ORIGIN]
 */
import { run, score } from './gateway.mjs';

const documents = [
  {
    id: 'doc1',
    title: 'Introduction to Machine Learning',
    content: 'Machine learning is a subset of artificial intelligence...',
  },
  {
    id: 'doc2',
    title: 'Deep Learning Fundamentals',
    content: 'Deep learning uses neural networks with many layers...',
  },
  { id: 'doc3', title: 'Sourdough for Beginners', content: 'Flour, water and patience make a loaf of bread...' },
];

await run(`mutation ($input: IndexDocumentsInput!) { indexDocuments(input: $input) { indexed } }`, {
  input: { collection: 'ml', documents },
});

const { semanticSearch } = await run(
  `query ($query: String!) {
    semanticSearch(query: $query, collection: "ml", first: 5) { hits { score document { title } } }
  }`,
  { query: 'AI neural networks' },
);
for (const { score: value, document } of semanticSearch.hits) console.log(`${score(value)}: ${document.title}`);
