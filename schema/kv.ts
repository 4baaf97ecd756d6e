/** Low-level key/value. Prose is in kv.graphql. */
import { createUnionType, Field, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import { DomainError, PageInfo } from './common';
import { Base64Scalar, DateTimeScalar, JsonScalar, SafeIntScalar, VersionScalar } from './scalars';

export enum Consistency {
  LINEARIZABLE = 'LINEARIZABLE',
  LEASE = 'LEASE',
  STALE_OK = 'STALE_OK',
}
registerEnumType(Consistency, { name: 'Consistency' });

export enum KvChangeType {
  PUT = 'PUT',
  DELETE = 'DELETE',
  EXPIRE = 'EXPIRE',
}
registerEnumType(KvChangeType, { name: 'KvChangeType' });

@ObjectType('KvValue', { simpleResolvers: true })
export class KvValue {
  @Field(() => String, { nullable: true })
  text!: string | null;
  @Field(() => JsonScalar, { nullable: true })
  json!: unknown;
  @Field(() => Base64Scalar)
  base64!: string;
  @Field(() => Int)
  size!: number;
}

@ObjectType('KvEntry', { simpleResolvers: true })
export class KvEntry {
  @Field(() => String)
  key!: string;
  @Field(() => KvValue)
  value!: KvValue;
  @Field(() => VersionScalar)
  version!: string;
  @Field(() => DateTimeScalar, { nullable: true })
  expiresAt!: number | null;
}

@ObjectType('KvEntryEdge', { simpleResolvers: true })
export class KvEntryEdge {
  @Field(() => String)
  cursor!: string;
  @Field(() => KvEntry)
  node!: KvEntry;
}

@ObjectType('KvEntryConnection', { simpleResolvers: true })
export class KvEntryConnection {
  @Field(() => [KvEntryEdge])
  edges!: KvEntryEdge[];
  @Field(() => [KvEntry])
  nodes!: KvEntry[];
  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

@InputType('KvValueInput')
export class KvValueInput {
  @Field(() => String, { nullable: true })
  text?: string | null;
  @Field(() => JsonScalar, { nullable: true })
  json?: unknown;
  @Field(() => Base64Scalar, { nullable: true })
  base64?: string | null;
}

@InputType('FenceInput')
export class FenceInput {
  @Field(() => String)
  election!: string;
  @Field(() => SafeIntScalar)
  token!: number;
}

@InputType('KvPutInput')
export class KvPutInput {
  @Field(() => String)
  key!: string;
  @Field(() => KvValueInput)
  value!: KvValueInput;
  @Field(() => VersionScalar, { nullable: true })
  ifVersion?: string | null;
  @Field(() => Boolean, { defaultValue: false })
  ifAbsent!: boolean;
  @Field(() => SafeIntScalar, { nullable: true })
  ttlMs?: number | null;
  @Field(() => FenceInput, { nullable: true })
  fence?: FenceInput | null;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@InputType('KvDeleteInput')
export class KvDeleteInput {
  @Field(() => String)
  key!: string;
  @Field(() => VersionScalar, { nullable: true })
  ifVersion?: string | null;
  @Field(() => FenceInput, { nullable: true })
  fence?: FenceInput | null;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@InputType('KvCheckInput')
export class KvCheckInput {
  @Field(() => String)
  key!: string;
  @Field(() => VersionScalar, { nullable: true })
  version?: string | null;
}

@InputType('KvTransactPutInput')
export class KvTransactPutInput {
  @Field(() => String)
  key!: string;
  @Field(() => KvValueInput)
  value!: KvValueInput;
  @Field(() => SafeIntScalar, { nullable: true })
  ttlMs?: number | null;
}

@InputType('KvTransactInput')
export class KvTransactInput {
  @Field(() => [KvCheckInput], { defaultValue: [] })
  checks!: KvCheckInput[];
  @Field(() => [KvTransactPutInput], { defaultValue: [] })
  puts!: KvTransactPutInput[];
  @Field(() => [String], { defaultValue: [] })
  deletes!: string[];
  @Field(() => FenceInput, { nullable: true })
  fence?: FenceInput | null;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@ObjectType('KvPutSuccess', { simpleResolvers: true })
export class KvPutSuccess {
  kind!: 'KvPutSuccess';
  @Field(() => String)
  key!: string;
  @Field(() => VersionScalar)
  version!: string;
  @Field(() => DateTimeScalar, { nullable: true })
  expiresAt!: number | null;
}

@ObjectType('VersionConflict', { implements: DomainError, simpleResolvers: true })
export class VersionConflict extends DomainError {
  kind!: 'VersionConflict';
  @Field(() => String)
  key!: string;
  @Field(() => KvEntry, { nullable: true })
  current!: KvEntry | null;
}

@ObjectType('Fenced', { implements: DomainError, simpleResolvers: true })
export class Fenced extends DomainError {
  kind!: 'Fenced';
  @Field(() => String)
  election!: string;
  @Field(() => SafeIntScalar)
  token!: number;
  @Field(() => SafeIntScalar)
  currentToken!: number;
}

@ObjectType('KvDeleteSuccess', { simpleResolvers: true })
export class KvDeleteSuccess {
  kind!: 'KvDeleteSuccess';
  @Field(() => String)
  key!: string;
  @Field(() => Boolean)
  deleted!: boolean;
  @Field(() => VersionScalar)
  version!: string;
}

@ObjectType('KvTransactSuccess', { simpleResolvers: true })
export class KvTransactSuccess {
  kind!: 'KvTransactSuccess';
  @Field(() => VersionScalar)
  version!: string;
}

export const KvPutResult = createUnionType({
  name: 'KvPutResult',
  types: () => [KvPutSuccess, VersionConflict, Fenced] as const,
  resolveType: (value) => value.kind,
});
export type KvPutResult = KvPutSuccess | VersionConflict | Fenced;

export const KvDeleteResult = createUnionType({
  name: 'KvDeleteResult',
  types: () => [KvDeleteSuccess, VersionConflict, Fenced] as const,
  resolveType: (value) => value.kind,
});
export type KvDeleteResult = KvDeleteSuccess | VersionConflict | Fenced;

export const KvTransactResult = createUnionType({
  name: 'KvTransactResult',
  types: () => [KvTransactSuccess, VersionConflict, Fenced] as const,
  resolveType: (value) => value.kind,
});
export type KvTransactResult = KvTransactSuccess | VersionConflict | Fenced;

@ObjectType('KvChange', { simpleResolvers: true })
export class KvChange {
  @Field(() => KvChangeType)
  type!: KvChangeType;
  @Field(() => String)
  key!: string;
  @Field(() => String)
  cursor!: string;
  @Field(() => VersionScalar)
  version!: string;
  @Field(() => KvEntry, { nullable: true })
  entry!: KvEntry | null;
}
