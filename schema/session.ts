/** Sessions. Prose is in session.graphql. */
import { createUnionType, Field, ID, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import { DomainError, Node, PageInfo } from './common';
import { DateTimeScalar, JsonScalar, SafeIntScalar, VersionScalar } from './scalars';

@ObjectType('Session', { implements: Node, simpleResolvers: true })
export class Session extends Node {
  kind!: 'Session';
  @Field(() => String)
  userId!: string;
  @Field(() => String, { nullable: true })
  email!: string | null;
  @Field(() => [String])
  roles!: readonly string[];
  @Field(() => JsonScalar)
  attributes!: unknown;
  @Field(() => DateTimeScalar)
  createdAt!: number;
  @Field(() => DateTimeScalar)
  lastAccessedAt!: number;
  @Field(() => DateTimeScalar)
  expiresAt!: number;
  @Field(() => DateTimeScalar)
  absoluteExpiresAt!: number;
  @Field(() => VersionScalar)
  version!: string;
}

@ObjectType('SessionEdge', { simpleResolvers: true })
export class SessionEdge {
  @Field(() => String)
  cursor!: string;
  @Field(() => Session)
  node!: Session;
}

@ObjectType('SessionConnection', { simpleResolvers: true })
export class SessionConnection {
  @Field(() => [SessionEdge])
  edges!: SessionEdge[];
  @Field(() => [Session])
  nodes!: Session[];
  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

@InputType('CreateSessionInput')
export class CreateSessionInput {
  @Field(() => String)
  userId!: string;
  @Field(() => String, { nullable: true })
  email?: string | null;
  @Field(() => [String], { defaultValue: [] })
  roles!: string[];
  @Field(() => JsonScalar, { nullable: true })
  attributes?: unknown;
  @Field(() => SafeIntScalar, { defaultValue: 3_600_000 })
  ttlMs!: number;
  @Field(() => SafeIntScalar, { defaultValue: 2_592_000_000 })
  absoluteTtlMs!: number;
  @Field(() => Int, { nullable: true })
  maxPerUser?: number | null;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@ObjectType('CreateSessionPayload', { simpleResolvers: true })
export class CreateSessionPayload {
  kind!: 'CreateSessionPayload';
  @Field(() => String)
  token!: string;
  @Field(() => Session)
  session!: Session;
}

@InputType('UpdateSessionInput')
export class UpdateSessionInput {
  @Field(() => String)
  token!: string;
  @Field(() => String, { nullable: true })
  email?: string | null;
  @Field(() => [String], { nullable: true })
  roles?: string[] | null;
  @Field(() => [String], { nullable: true })
  addRoles?: string[] | null;
  @Field(() => [String], { nullable: true })
  removeRoles?: string[] | null;
  @Field(() => JsonScalar, { nullable: true })
  attributes?: unknown;
  @Field(() => VersionScalar, { nullable: true })
  ifVersion?: string | null;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@ObjectType('SessionConflict', { implements: DomainError, simpleResolvers: true })
export class SessionConflict extends DomainError {
  kind!: 'SessionConflict';
  @Field(() => Session)
  current!: Session;
}

@ObjectType('SessionInvalid', { implements: DomainError, simpleResolvers: true })
export class SessionInvalid extends DomainError {
  kind!: 'SessionInvalid';
}

export enum SessionEndReason {
  DESTROYED = 'DESTROYED',
  EXPIRED = 'EXPIRED',
}
registerEnumType(SessionEndReason, { name: 'SessionEndReason' });

@ObjectType('SessionEnded', { simpleResolvers: true })
export class SessionEnded {
  @Field(() => ID)
  sessionId!: string;
  @Field(() => String)
  userId!: string;
  @Field(() => SessionEndReason)
  reason!: SessionEndReason;
}

export const SessionResult = createUnionType({
  name: 'SessionResult',
  types: () => [Session, SessionInvalid, SessionConflict] as const,
  resolveType: (value) => value.kind,
});
export type SessionResult = Session | SessionInvalid | SessionConflict;

export const RotateSessionResult = createUnionType({
  name: 'RotateSessionResult',
  types: () => [CreateSessionPayload, SessionInvalid] as const,
  resolveType: (value) => value.kind,
});
export type RotateSessionResult = CreateSessionPayload | SessionInvalid;
