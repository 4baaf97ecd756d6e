/**
 * Products that suit somebody who has looked at shoes, and products that are like one of them:
 *
 *     node examples/meaning/running-shoes.mjs [ORIGIN]
 */
import { run, score } from './gateway.mjs';

const products = [
  { id: 'prod1', name: 'Running Shoes', description: 'Lightweight running shoes', category: 'Footwear' },
  { id: 'prod2', name: 'Trail Shoes', description: 'Durable trail running shoes', category: 'Footwear' },
  { id: 'prod3', name: 'Tennis Racket', description: 'Professional tennis racket', category: 'Sports' },
  { id: 'prod4', name: 'Road Sneakers', description: 'Soft sneakers for running on roads', category: 'Footwear' },
  { id: 'prod5', name: 'Coffee Grinder', description: 'Grinds beans for espresso', category: 'Kitchen' },
];

await run(`mutation ($input: IndexProductsInput!) { indexProducts(input: $input) { indexed } }`, {
  input: { products },
});

// A key for each interaction: however often this is run, each counts once.
const record = `mutation ($input: RecordInteractionInput!) {
  recordInteraction(input: $input) { __typename ... on RecordInteractionSuccess { interactions } }
}`;
for (const productId of ['prod1', 'prod2'])
  await run(record, { input: { userId: 'user123', productId, idempotencyKey: `user123 saw ${productId}` } });

const { recommendations, similarProducts } = await run(`{
  recommendations(userId: "user123", first: 5) { score product { name category } }
  similarProducts(productId: "prod1", first: 3) { score product { name } }
}`);
console.log('For user123:');
for (const { score: value, product } of recommendations)
  console.log(`${score(value)}: ${product.name} (${product.category})`);
console.log('Like Running Shoes:');
for (const { score: value, product } of similarProducts) console.log(`${score(value)}: ${product.name}`);
