/**
 * The first of the two sets that the quality of search is measured with (the other is `articles.ts`): short English documents on many
 * topics, and questions that ask for one of them each in other words: in short, as people type it, and in a whole sentence.
 *
 * How it was made: written for this project, by a language model, topic by topic; nothing is taken from a corpus. The documents of a topic lie
 * close together on purpose, so that knowing the topic is not enough. A question shares no word stem with the document that it asks
 * for (words of grammar apart), which `sharedStems` checks: a search for words finds nothing there. Questions were written with
 * the document in view, before any model was asked; where one broke the rule of stems it was changed, and none was taken out because
 * a model failed on it. The sentences were written when the short questions had been measured, without looking at single answers.
 */
import { canonicalText } from '../../src/core/canonical-text';
import { paraphrases } from './paraphrases';
import { topicsOne } from './topics-one';
import { topicsTwo } from './topics-two';

export interface Topic {
  readonly name: string;
  readonly documents: readonly string[];
  /** The place of the document that is asked for, and the question. */
  readonly queries: readonly (readonly [number, string])[];
}

export interface QualityDocument {
  readonly id: string;
  readonly text: string;
}

export interface QualityQuery {
  readonly text: string;
  /** Of the one document that is right. */
  readonly wanted: string;
}

export const topics: readonly Topic[] = [...topicsOne, ...topicsTwo];

/** A document's id: its topic, and its place there. */
export const idOf = (topic: string, place: number): string => `${topic} ${place}`;

/** The topic that a document's id names. */
export const topicOf = (id: string): string => id.slice(0, id.lastIndexOf(' '));

export const qualityDocuments: readonly QualityDocument[] = topics.flatMap((topic) =>
  topic.documents.map((text, place) => ({ id: idOf(topic.name, place), text })),
);

export const qualityQueries: readonly QualityQuery[] = topics.flatMap((topic) =>
  topic.queries.map(([place, text]) => ({ text, wanted: idOf(topic.name, place) })),
);

/** The same documents asked for in whole sentences. */
export const qualityParaphrases: readonly QualityQuery[] = topics.flatMap((topic) =>
  Object.entries(paraphrases[topic.name] ?? {}).map(([place, text]) => ({
    text,
    wanted: idOf(topic.name, Number(place)),
  })),
);

/** Words of grammar, which every text shares with every other. */
const grammar: ReadonlySet<string> = new Set(
  (
    'a an the and or but if so since because as than that this these those it its is are was were be been being am do does did ' +
    'have has had will would can cannot could should may might must not no nothing nobody none i you he she we they me him her us ' +
    'them my your his our their what which who whom whose when where why how there here of in on at to from by for with without ' +
    'into over under about off out up down before after until while just only all any some each every other another one two ' +
    "something what's more most much many few too very once again such both either between even still then"
  ).split(' '),
);

/** The words of a text that mean something, without their endings: a stemmer of its own, stricter than the one that is measured. */
export function stemsOf(text: string): Set<string> {
  const words = canonicalText(text).split(/[^\p{L}\p{N}]+/u);
  return new Set(words.filter((word) => word !== '' && !grammar.has(word)).map(strictStem));
}

const endings = /(ations?|ments?|ness|ings?|edly|ers?|ors?|est|ed|es|ly|al|s|y|e)$/;

function strictStem(word: string): string {
  let stem = word;
  for (let times = 0; times < 2 && stem.length > 3; times += 1) {
    const shorter = stem.replace(endings, '');
    if (shorter.length < 3) break;
    stem = shorter;
  }
  return stem.replace(/([bdfglmnprt])\1$/, '$1').replace(/i$/, '');
}

/** The stems that a question shares with the document that it asks for. */
export function sharedStems({ text, wanted }: QualityQuery, documents = qualityDocuments): string[] {
  const document = stemsOf(documents.find(({ id }) => id === wanted)!.text);
  return [...stemsOf(text)].filter((stem) => document.has(stem));
}
