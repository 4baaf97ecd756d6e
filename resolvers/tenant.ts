/** Tenants and their keys. Who may call what is decided per root field before anything runs, and within a tenant by the patterns. */
import { Arg, Ctx, FieldResolver, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import { ErrorCode } from '../schema/common';
import { SafeIntScalar } from '../schema/scalars';
import {
  ApiKey,
  type ApiKeyRole,
  CreateApiKeyInput,
  CreateApiKeyPayload,
  CreateTenantInput,
  CreateTenantResult,
  Tenant,
  TenantConnection,
  type TenantPlan,
  TenantUsage,
  UpdateTenantInput,
  UpdateTenantResult,
} from '../schema/tenant';
import { encodeOpaque } from '../src/core/opaque';
import { type Tenant as Read, tenantCursor } from '../src/patterns/tenant';
import { bytesOfMb, quotaOfPlan } from '../src/patterns/tenant-decisions';
import type { RequestContext } from './context';
import { given, toConnection } from './shapes';

@Resolver(() => Tenant)
export class TenantResolver {
  @Query(() => Tenant)
  async tenant(@Ctx() { tenancy, tenantId }: RequestContext): Promise<Tenant> {
    return toTenant(await tenancy.tenants.own(tenantId));
  }

  @Query(() => Tenant, { nullable: true })
  async tenantById(@Arg('id', () => String) id: string, @Ctx() { tenancy }: RequestContext): Promise<Tenant | null> {
    const tenant = await tenancy.tenants.get(id);
    return tenant ? toTenant(tenant) : null;
  }

  @Query(() => TenantConnection)
  async tenants(
    @Arg('first', () => Int, { defaultValue: 50 }) first: number,
    @Arg('after', () => String, { nullable: true }) after: string | null | undefined,
    @Ctx() { tenancy }: RequestContext,
  ): Promise<TenantConnection> {
    const { tenants, hasMore } = await tenancy.tenants.list(first, after ?? undefined);
    return toConnection({
      nodes: tenants.map(toTenant),
      cursorOf: ({ tenantId }) => tenantCursor(tenantId),
      hasNextPage: hasMore,
      hasPreviousPage: after !== undefined && after !== null,
    });
  }

  @Mutation(() => CreateTenantResult)
  async createTenant(
    @Arg('input', () => CreateTenantInput) input: CreateTenantInput,
    @Ctx() { tenancy }: RequestContext,
  ): Promise<CreateTenantResult> {
    const tenant = await tenancy.tenants.create(input);
    if (tenant) return toTenant(tenant);
    const message = `tenant "${input.tenantId}" exists already: it was left alone`;
    return { kind: 'AlreadyExists', code: ErrorCode.ALREADY_EXISTS, message, retryable: false };
  }

  @Mutation(() => UpdateTenantResult)
  async updateTenant(
    @Arg('input', () => UpdateTenantInput) input: UpdateTenantInput,
    @Ctx() { tenancy }: RequestContext,
  ): Promise<UpdateTenantResult> {
    const tenant = await tenancy.tenants.update(given(input));
    if (tenant) return toTenant(tenant);
    const message = `there is no tenant "${input.tenantId}"`;
    return { kind: 'NotFound', code: ErrorCode.NOT_FOUND, message, retryable: false };
  }

  @Mutation(() => SafeIntScalar)
  deleteTenant(@Arg('id', () => String) id: string, @Ctx() { tenancy }: RequestContext): Promise<number> {
    return tenancy.tenants.delete(id);
  }

  @Mutation(() => CreateApiKeyPayload)
  createApiKey(
    @Arg('input', () => CreateApiKeyInput) input: CreateApiKeyInput,
    @Ctx() { tenancy, caller }: RequestContext,
  ): Promise<CreateApiKeyPayload> {
    return tenancy.apiKeys.create(given(input), caller);
  }

  @Mutation(() => Boolean)
  revokeApiKey(@Arg('id', () => String) id: string, @Ctx() { tenancy, caller }: RequestContext): Promise<boolean> {
    return tenancy.apiKeys.revoke(id, caller);
  }

  @FieldResolver(() => TenantUsage)
  async usage(@Root() { tenantId }: Tenant, @Ctx() { tenancy }: RequestContext): Promise<TenantUsage> {
    const { keys, bytes } = await tenancy.tenants.usage(tenantId);
    return { keys, storageBytes: bytes };
  }

  @FieldResolver(() => [ApiKey])
  async apiKeys(@Root() { tenantId }: Tenant, @Ctx() { tenancy, caller }: RequestContext): Promise<ApiKey[]> {
    const keys = await tenancy.apiKeys.list(tenantId, caller);
    return keys.map(({ id, name, role, createdAtMs, lastUsedAtMs }) => ({
      id,
      name,
      role: role as ApiKeyRole,
      createdAt: createdAtMs,
      lastUsedAt: lastUsedAtMs ?? null,
    }));
  }
}

/** A tenant as the SDL shows it. */
export function toTenant({ tenantId, name, plan, createdAtMs }: Read): Tenant {
  const { keysMax, bytesMax } = quotaOfPlan[plan];
  return {
    kind: 'Tenant',
    id: encodeOpaque('tenantNode', Buffer.from(tenantId, 'utf8')),
    tenantId,
    name,
    plan: plan as TenantPlan,
    limits: { maxKeys: keysMax ?? null, maxStorageMb: bytesMax === undefined ? null : bytesMax / bytesOfMb },
    createdAt: createdAtMs,
  };
}
