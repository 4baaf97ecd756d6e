/**
 * Documents, parsed and validated once. The limits are checked before validation, so that what is too large never costs
 * more than its parse. Only valid documents are kept, bounded in number and in bytes of source.
 */
import { createHash } from 'node:crypto';
import { GraphQLError, NoSchemaIntrospectionCustomRule, parse, specifiedRules, validate } from 'graphql';
import type { DocumentNode, GraphQLSchema, ValidationRule } from 'graphql';
import { BoundedMap } from '../core/bounded-map';
import { limitErrors } from './document-limits';
import type { DocumentLimits } from './document-limits';

export interface DocumentsOptions {
  readonly schema: GraphQLSchema;
  readonly limits: DocumentLimits;
  /** Whether the schema may be asked for; without it errors do not suggest names either. */
  readonly allowIntrospection: boolean;
}

/** A document that may be run. */
export interface ValidDocument {
  readonly document: DocumentNode;
  /** SHA-256 of the source, in hexadecimal digits: its name among persisted queries. */
  readonly hash: string;
  readonly source: string;
}

/** A document that may not be run, and why. */
export interface RefusedDocument {
  readonly errors: readonly GraphQLError[];
}

const documentsMax = 2_000;
const sourceCharactersMax = 16_000_000;
/** A longer source (with large literals written into it) is not likely to come again. */
const keptCharactersMax = 100_000;
const validationErrorsMax = 20;

export class Documents {
  readonly #options: DocumentsOptions;
  readonly #rules: readonly ValidationRule[];
  readonly #bySource = new BoundedMap<string, ValidDocument>({
    entriesMax: documentsMax,
    weightMax: sourceCharactersMax,
    weigh: (each) => each.source.length,
    onEvict: (each) => this.#byHash.delete(each.hash),
  });
  readonly #byHash = new Map<string, ValidDocument>();

  constructor(options: DocumentsOptions) {
    this.#options = options;
    this.#rules = options.allowIntrospection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  }

  /** The document of this source, ready to run, or why it may not be run. */
  get(source: string): ValidDocument | RefusedDocument {
    const known = this.#bySource.get(source);
    if (known) return known;
    const checked = this.#check(source);
    if (!('document' in checked)) return { errors: checked.errors.map((error) => this.#shown(error)) };
    const valid: ValidDocument = { ...checked, source, hash: createHash('sha256').update(source).digest('hex') };
    if (source.length > keptCharactersMax) return valid;
    this.#bySource.set(source, valid);
    this.#byHash.set(valid.hash, valid);
    return valid;
  }

  /** The document whose source has this hash, as long as it is kept. */
  getByHash(hash: string): DocumentNode | undefined {
    return this.#byHash.get(hash)?.document;
  }

  #check(source: string): { document: DocumentNode } | { errors: readonly GraphQLError[] } {
    let document: DocumentNode;
    try {
      document = parse(source, { maxTokens: this.#options.limits.tokensMax });
    } catch (error) {
      return { errors: [coded(this.#parseError(error), 'GRAPHQL_PARSE_FAILED')] };
    }
    const tooLarge = limitErrors(document, this.#options.limits);
    const errors =
      tooLarge.length > 0
        ? tooLarge
        : validate(this.#options.schema, document, this.#rules, { maxErrors: validationErrorsMax });
    return errors.length === 0
      ? { document }
      : { errors: errors.map((error) => coded(error, 'GRAPHQL_VALIDATION_FAILED')) };
  }

  /** The parser calls itself for each level: a document that is deep enough is more than the stack holds. */
  #parseError(thrown: unknown): GraphQLError {
    if (thrown instanceof GraphQLError) return thrown;
    if (!(thrown instanceof RangeError)) throw thrown;
    return new GraphQLError(
      `The document is nested too deep to be parsed; the limit of depth is ${this.#options.limits.depthMax}.`,
    );
  }

  #shown(error: GraphQLError): GraphQLError {
    if (this.#options.allowIntrospection) return error;
    const message = error.message.replace(/ ?Did you mean .+\?$/s, '');
    return message === error.message ? error : copyOf(error, { message });
  }
}

function coded(error: GraphQLError, code: string): GraphQLError {
  return copyOf(error, { code });
}

function copyOf(error: GraphQLError, change: { message?: string; code?: string }): GraphQLError {
  return new GraphQLError(change.message ?? error.message, {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    path: error.path ?? null,
    extensions: { ...error.extensions, ...(change.code === undefined ? {} : { code: change.code }) },
  });
}
