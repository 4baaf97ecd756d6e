/** Tenants and their keys. Prose is in tenant.graphql. */
import { createUnionType, Field, InputType, ObjectType, registerEnumType } from 'type-graphql';
import { AlreadyExists, Node, NotFound, PageInfo } from './common';
import { DateTimeScalar, SafeIntScalar } from './scalars';

export enum TenantPlan {
  FREE = 'FREE',
  PRO = 'PRO',
  ENTERPRISE = 'ENTERPRISE',
}
registerEnumType(TenantPlan, { name: 'TenantPlan' });

export enum ApiKeyRole {
  READER = 'READER',
  WRITER = 'WRITER',
  ADMIN = 'ADMIN',
}
registerEnumType(ApiKeyRole, { name: 'ApiKeyRole' });

@ObjectType('ApiKey', { simpleResolvers: true })
export class ApiKey {
  @Field(() => String)
  id!: string;
  @Field(() => String)
  name!: string;
  @Field(() => ApiKeyRole)
  role!: ApiKeyRole;
  @Field(() => DateTimeScalar)
  createdAt!: number;
  @Field(() => DateTimeScalar, { nullable: true })
  lastUsedAt!: number | null;
}

@ObjectType('TenantLimits', { simpleResolvers: true })
export class TenantLimits {
  @Field(() => SafeIntScalar, { nullable: true })
  maxKeys!: number | null;
  @Field(() => SafeIntScalar, { nullable: true })
  maxStorageMb!: number | null;
}

@ObjectType('TenantUsage', { simpleResolvers: true })
export class TenantUsage {
  @Field(() => SafeIntScalar)
  keys!: number;
  @Field(() => SafeIntScalar)
  storageBytes!: number;
}

@ObjectType('Tenant', { implements: Node, simpleResolvers: true })
export class Tenant extends Node {
  kind!: 'Tenant';
  @Field(() => String)
  tenantId!: string;
  @Field(() => String)
  name!: string;
  @Field(() => TenantPlan)
  plan!: TenantPlan;
  @Field(() => TenantLimits)
  limits!: TenantLimits;
  @Field(() => DateTimeScalar)
  createdAt!: number;
}

@ObjectType('TenantEdge', { simpleResolvers: true })
export class TenantEdge {
  @Field(() => String)
  cursor!: string;
  @Field(() => Tenant)
  node!: Tenant;
}

@ObjectType('TenantConnection', { simpleResolvers: true })
export class TenantConnection {
  @Field(() => [TenantEdge])
  edges!: TenantEdge[];
  @Field(() => [Tenant])
  nodes!: Tenant[];
  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

@InputType('CreateTenantInput')
export class CreateTenantInput {
  @Field(() => String)
  tenantId!: string;
  @Field(() => String)
  name!: string;
  @Field(() => TenantPlan, { defaultValue: TenantPlan.FREE })
  plan!: TenantPlan;
}

@InputType('UpdateTenantInput')
export class UpdateTenantInput {
  @Field(() => String)
  tenantId!: string;
  @Field(() => String, { nullable: true })
  name?: string | null;
  @Field(() => TenantPlan, { nullable: true })
  plan?: TenantPlan | null;
}

@InputType('CreateApiKeyInput')
export class CreateApiKeyInput {
  @Field(() => String)
  tenantId!: string;
  @Field(() => String)
  name!: string;
  @Field(() => ApiKeyRole, { defaultValue: ApiKeyRole.WRITER })
  role!: ApiKeyRole;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@ObjectType('CreateApiKeyPayload', { simpleResolvers: true })
export class CreateApiKeyPayload {
  @Field(() => String)
  id!: string;
  @Field(() => String)
  secret!: string;
}

export const CreateTenantResult = createUnionType({
  name: 'CreateTenantResult',
  types: () => [Tenant, AlreadyExists] as const,
  resolveType: (value) => value.kind,
});
export type CreateTenantResult = Tenant | AlreadyExists;

export const UpdateTenantResult = createUnionType({
  name: 'UpdateTenantResult',
  types: () => [Tenant, NotFound] as const,
  resolveType: (value) => value.kind,
});
export type UpdateTenantResult = Tenant | NotFound;
