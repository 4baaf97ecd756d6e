/** Types that several patterns share. Prose is in common.graphql. */
import { Field, ID, InterfaceType, ObjectType, registerEnumType } from 'type-graphql';

export enum ErrorCode {
  NOT_FOUND = 'NOT_FOUND',
  ALREADY_EXISTS = 'ALREADY_EXISTS',
  VERSION_CONFLICT = 'VERSION_CONFLICT',
  OUT_OF_BOUNDS = 'OUT_OF_BOUNDS',
  INSUFFICIENT_STOCK = 'INSUFFICIENT_STOCK',
  RESERVATION_NOT_HELD = 'RESERVATION_NOT_HELD',
  WRONG_EXPECTED_VERSION = 'WRONG_EXPECTED_VERSION',
  DUPLICATE_EVENTS = 'DUPLICATE_EVENTS',
  LEADERSHIP_HELD = 'LEADERSHIP_HELD',
  LEADERSHIP_LOST = 'LEADERSHIP_LOST',
  FENCED = 'FENCED',
  SESSION_INVALID = 'SESSION_INVALID',
  DIMENSION_MISMATCH = 'DIMENSION_MISMATCH',
  BAD_USER_INPUT = 'BAD_USER_INPUT',
  UNAUTHENTICATED = 'UNAUTHENTICATED',
  FORBIDDEN = 'FORBIDDEN',
  QUOTA_EXCEEDED = 'QUOTA_EXCEEDED',
  RATE_LIMITED = 'RATE_LIMITED',
  IDEMPOTENCY_KEY_REUSED = 'IDEMPOTENCY_KEY_REUSED',
  CONTENTION = 'CONTENTION',
  SLOW_CONSUMER = 'SLOW_CONSUMER',
  HISTORY_GONE = 'HISTORY_GONE',
  UNAVAILABLE = 'UNAVAILABLE',
  DEADLINE_EXCEEDED = 'DEADLINE_EXCEEDED',
  OUTCOME_UNKNOWN = 'OUTCOME_UNKNOWN',
  OVERLOADED = 'OVERLOADED',
  GRAPHQL_PARSE_FAILED = 'GRAPHQL_PARSE_FAILED',
  GRAPHQL_VALIDATION_FAILED = 'GRAPHQL_VALIDATION_FAILED',
  BAD_REQUEST = 'BAD_REQUEST',
  PERSISTED_QUERY_NOT_FOUND = 'PERSISTED_QUERY_NOT_FOUND',
  INTERNAL = 'INTERNAL',
}
registerEnumType(ErrorCode, { name: 'ErrorCode' });

@InterfaceType('Node')
export abstract class Node {
  @Field(() => ID)
  id!: string;
}

@InterfaceType('DomainError')
export abstract class DomainError {
  @Field(() => ErrorCode)
  code!: ErrorCode;
  @Field(() => String)
  message!: string;
  @Field(() => Boolean)
  retryable!: boolean;
}

@ObjectType('AlreadyExists', { implements: DomainError, simpleResolvers: true })
export class AlreadyExists extends DomainError {
  kind!: 'AlreadyExists';
}

@ObjectType('NotFound', { implements: DomainError, simpleResolvers: true })
export class NotFound extends DomainError {
  kind!: 'NotFound';
}

@ObjectType('PageInfo', { simpleResolvers: true })
export class PageInfo {
  @Field(() => Boolean)
  hasNextPage!: boolean;
  @Field(() => Boolean)
  hasPreviousPage!: boolean;
  @Field(() => String, { nullable: true })
  startCursor!: string | null;
  @Field(() => String, { nullable: true })
  endCursor!: string | null;
}
