/**
 * Every limit of the product, in one place, units in the names. `docs/limits.md` lists them; a test holds the two
 * together. Limits of a single transaction fit every engine, so that data and callers can move between engines.
 */

/** Limits that a caller of the gateway meets. Past one: BAD_USER_INPUT that names the field, the value and the limit. */
export const limits = {
  keyBytesMax: 1_024,
  valueBytesMax: 1_048_576,
  nameBytesMax: 256,
  tenantIdBytesMax: 128,
  apiKeysOfTenantMax: 1_000,
  idempotencyKeyBytesMax: 256,
  pageEntriesMax: 1_000,
  /** A page or a batch of reads ends here: pages end early, kvGetMany is refused. */
  pageBytesMax: 4_194_304,
  getManyKeysMax: 1_000,
  nodesIdsMax: 100,
  transactChecksMax: 100,
  transactWritesMax: 100,
  counterShardsMax: 64,
  /** Levels of lists and objects in JSON that is read or written as such; past a few thousand, writing it out would exhaust the stack. */
  jsonDepthMax: 500,
  reserveLinesMax: 32,
  holdMsMax: 31_536_000_000,
  reservationKeepMs: 86_400_000,
  reasonBytesMax: 1_024,
  changedSkusMax: 100,
  ttlMsMax: 3_153_600_000_000,
  sessionRolesMax: 100,
  sessionAttributesBytesMax: 32_768,
  sessionAttributesDepthMax: 100,
  sessionsPerUserMax: 1_000,
  leaseMsMin: 100,
  leaseMsMax: 86_400_000,
  rateLimitPoliciesMax: 8,
  /** Policies of one identifier that still count, of all its callers together. */
  rateLimitStatesMax: 16,
  /** SLIDING_WINDOW_LOG remembers each request, all in one record. */
  rateLimitLogMax: 10_000,
  rateLimitMax: 2_147_483_647,
  rateLimitWindowMsMax: 31_622_400_000,
  vectorDimensionsMax: 4_096,
  vectorIdBytesMax: 512,
  /** Of either sign: sums of squares stay within what a 32-bit float holds. */
  vectorNumberMax: 1e15,
  vectorMetadataBytesMax: 32_768,
  vectorMetadataDepthMax: 20,
  vectorFilterBytesMax: 16_384,
  vectorsOfBatchMax: 100,
  /** Rows of one mutation with their keys, which are checked and written. */
  vectorBatchBytesMax: 1_200_000,
  vectorMatchesMax: 1_000,
  vectorIndexesMax: 1_000,
  appendEventsMax: 100,
  /** Ids, types, data and metadata of all events of one append: they are stored in one transaction. */
  appendBytesMax: 1_000_000,
  snapshotBytesMax: 1_000_000,
  eventTypesMax: 100,
  documentsOfBatchMax: 50,
  titleBytesMax: 1_024,
  contentBytesMax: 65_536,
  productsOfBatchMax: 50,
  descriptionBytesMax: 4_096,
  recommendationsMax: 100,
  /** Of a user: what a taste is made again from, and what counts as seen. */
  interactionsKeptMax: 500,
  interactionWeightMin: 0.001,
  interactionWeightMax: 1_000_000,
} as const;

/** Limits between the store's clients and the store. */
export const storeLimits = {
  /** An encoded key with its scope; LMDB ends at 1,978 bytes. */
  storedKeyBytesMax: 1_900,
  /** A value with a pattern's own header. */
  storedValueBytesMax: 1_310_720,
  transactionOperationsMax: 240,
  transactionBytesMax: 1_310_720,
  commitTransactionsMax: 1_024,
  readRangesMax: 2_048,
  rangeEntriesMax: 10_000,
  /** Keys and values that one read brings; past it the read is refused. */
  readBytesMax: 8_388_608,
  /** Keys and values that one range brings, where it has no smaller bound of its own. */
  rangeBytesMax: 4_194_304,
  /** A mark's key behind its scope. */
  markKeyBytesMax: 64,
  markBytesMax: 4_096,
  /** Changes that wait for one slow reader in memory; past it, it is served from the log on disk. */
  watchBufferBytesMax: 1_048_576,
  messageBytesMax: 16_777_216,
} as const;
