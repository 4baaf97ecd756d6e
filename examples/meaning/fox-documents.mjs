/**
 * Two sentences that say the same, of which one is stored, and another one:
 *
 *     node examples/meaning/fox-documents.mjs [ORIGIN]
 */
import { run, score } from './gateway.mjs';

const documents = [
  { id: 'doc1', content: 'The quick brown fox jumps over the lazy dog.' },
  { id: 'doc2', content: 'A quick brown fox jumped over a lazy dog.' },
  { id: 'doc3', content: 'Machine learning is transforming industries.' },
];

const check = `mutation ($input: CheckAndStoreDocumentInput!) {
  checkAndStoreDocument(input: $input) { isDuplicate duplicateOf method similarity stored }
}`;
for (const document of documents) {
  const { checkAndStoreDocument: result } = await run(check, { input: { ...document, threshold: 0.95 } });
  const said = result.isDuplicate ? `duplicate of ${result.duplicateOf} (${result.method})` : 'stored';
  console.log(`${document.id}: ${said}, similarity ${score(result.similarity)}`);
}
