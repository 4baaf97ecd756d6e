/** Inventory: items, and what reservations do with them. */
import { Arg, Ctx, FieldResolver, Int, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import {
  AdjustInventoryInput,
  AdjustInventoryResult,
  CreateInventoryItemInput,
  CreateInventoryItemResult,
  ExtendReservationInput,
  InventoryItem,
  InventoryItemConnection,
  Reservation,
  ReservationConnection,
  ReservationLine,
  ReserveInventoryInput,
  ReserveInventoryResult,
  SettleReservationInput,
  SettleReservationResult,
  StockMovementConnection,
} from '../schema/inventory';
import type { InventoryItem as Item } from '../src/patterns/inventory';
import { heldCursor, itemCursor, movementCursor } from '../src/patterns/inventory-pages';
import type { RequestContext } from './context';
import { toAdjusted, toCreated, toItem, toMovement, toReservation, toReserved, toSettled } from './inventory-shapes';
import { given, toConnection } from './shapes';
import { shownArgument, subscribeTo } from './subscription';

@Resolver()
export class InventoryResolver {
  @Query(() => InventoryItem, { nullable: true })
  async inventoryItem(
    @Arg('sku', () => String) sku: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<InventoryItem | null> {
    const item = await patterns.inventory.get(sku);
    return item ? toItem(item) : null;
  }

  @Query(() => InventoryItemConnection)
  async inventoryItems(
    @Arg('prefix', () => String, { defaultValue: '' }) prefix: string,
    @Arg('first', () => Int, { defaultValue: 50 }) first: number,
    @Arg('after', () => String, { nullable: true }) after: string | null | undefined,
    @Ctx() { patterns }: RequestContext,
  ): Promise<InventoryItemConnection> {
    const { nodes, hasMore } = await patterns.inventory.list(prefix, { first, after: after ?? undefined });
    return toConnection({
      nodes: nodes.map(toItem),
      cursorOf: ({ sku }) => itemCursor(sku),
      hasNextPage: hasMore,
      hasPreviousPage: after !== undefined && after !== null,
    });
  }

  @Query(() => Reservation, { nullable: true })
  async reservation(
    @Arg('id', () => String) id: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<Reservation | null> {
    const reservation = await patterns.reservations.get(id);
    return reservation ? toReservation(reservation) : null;
  }

  @Mutation(() => CreateInventoryItemResult)
  async createInventoryItem(
    @Arg('input', () => CreateInventoryItemInput) input: CreateInventoryItemInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<CreateInventoryItemResult> {
    return toCreated(input.sku, await patterns.inventory.create(given(input)));
  }

  @Mutation(() => AdjustInventoryResult)
  async adjustInventory(
    @Arg('input', () => AdjustInventoryInput) input: AdjustInventoryInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<AdjustInventoryResult> {
    return toAdjusted(input.sku, await patterns.inventory.adjust(given(input)));
  }

  @Mutation(() => ReserveInventoryResult)
  async reserveInventory(
    @Arg('input', () => ReserveInventoryInput) input: ReserveInventoryInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<ReserveInventoryResult> {
    return toReserved(await patterns.reservations.reserve(given(input)));
  }

  @Mutation(() => SettleReservationResult)
  async commitReservation(
    @Arg('input', () => SettleReservationInput) input: SettleReservationInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<SettleReservationResult> {
    return toSettled(input.reservationId, await patterns.reservations.commit(given(input)));
  }

  @Mutation(() => SettleReservationResult)
  async releaseReservation(
    @Arg('input', () => SettleReservationInput) input: SettleReservationInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<SettleReservationResult> {
    return toSettled(input.reservationId, await patterns.reservations.release(given(input)));
  }

  @Mutation(() => SettleReservationResult)
  async extendReservation(
    @Arg('input', () => ExtendReservationInput) input: ExtendReservationInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<SettleReservationResult> {
    return toSettled(input.reservationId, await patterns.reservations.extend(given(input)));
  }

  @Subscription(() => InventoryItem, {
    subscribe: ({ args, context }) => {
      const { skus, [shownArgument]: shown } = args as { skus: string[]; [shownArgument]?: Item };
      const { inventory } = (context as RequestContext).patterns;
      return subscribeTo((signal) => inventory.changed(skus, signal, shown));
    },
  })
  inventoryChanged(@Root() item: Item, @Arg('skus', () => [String]) _skus: string[]): InventoryItem {
    return toItem(item);
  }
}

@Resolver(() => InventoryItem)
export class InventoryItemResolver {
  @FieldResolver(() => ReservationConnection)
  async reservations(
    @Root() { sku }: InventoryItem,
    @Arg('first', () => Int, { defaultValue: 50 }) first: number,
    @Arg('after', () => String, { nullable: true }) after: string | null | undefined,
    @Ctx() { patterns }: RequestContext,
  ): Promise<ReservationConnection> {
    const { nodes, hasMore } = await patterns.reservations.heldOf(sku, { first, after: after ?? undefined });
    return toConnection({
      nodes: nodes.map(toReservation),
      cursorOf: ({ reservationId, expiresAt }) => heldCursor(reservationId, expiresAt),
      hasNextPage: hasMore,
      hasPreviousPage: after !== undefined && after !== null,
    });
  }

  @FieldResolver(() => StockMovementConnection)
  async movements(
    @Root() { sku }: InventoryItem,
    @Arg('first', () => Int, { defaultValue: 50 }) first: number,
    @Arg('after', () => String, { nullable: true }) after: string | null | undefined,
    @Ctx() { patterns }: RequestContext,
  ): Promise<StockMovementConnection> {
    const { nodes, hasMore } = await patterns.inventory.movements(sku, { first, after: after ?? undefined });
    return toConnection({
      nodes: nodes.map(toMovement),
      cursorOf: movementCursor,
      hasNextPage: hasMore,
      hasPreviousPage: after !== undefined && after !== null,
    });
  }
}

@Resolver(() => ReservationLine)
export class ReservationLineResolver {
  @FieldResolver(() => InventoryItem, { nullable: true })
  async item(@Root() { sku }: ReservationLine, @Ctx() { patterns }: RequestContext): Promise<InventoryItem | null> {
    const item = await patterns.inventory.get(sku);
    return item ? toItem(item) : null;
  }
}
