/** Inventory. Prose is in inventory.graphql. */
import { createUnionType, Field, InputType, ObjectType, registerEnumType } from 'type-graphql';
import { AlreadyExists, DomainError, Node, NotFound, PageInfo } from './common';
import { DateTimeScalar, SafeIntScalar, VersionScalar } from './scalars';

export enum ReservationStatus {
  HELD = 'HELD',
  COMMITTED = 'COMMITTED',
  RELEASED = 'RELEASED',
  EXPIRED = 'EXPIRED',
}
registerEnumType(ReservationStatus, { name: 'ReservationStatus' });

export enum StockMovementType {
  CREATED = 'CREATED',
  ADJUSTED = 'ADJUSTED',
  RESERVED = 'RESERVED',
  COMMITTED = 'COMMITTED',
  RELEASED = 'RELEASED',
  EXPIRED = 'EXPIRED',
}
registerEnumType(StockMovementType, { name: 'StockMovementType' });

@ObjectType('InventoryItem', { implements: Node, simpleResolvers: true })
export class InventoryItem extends Node {
  kind!: 'InventoryItem';
  @Field(() => String)
  sku!: string;
  @Field(() => SafeIntScalar)
  quantity!: number;
  @Field(() => SafeIntScalar)
  reserved!: number;
  @Field(() => SafeIntScalar)
  available!: number;
  @Field(() => DateTimeScalar)
  updatedAt!: number;
  @Field(() => VersionScalar)
  version!: string;
}

@ObjectType('InventoryItemEdge', { simpleResolvers: true })
export class InventoryItemEdge {
  @Field(() => String)
  cursor!: string;
  @Field(() => InventoryItem)
  node!: InventoryItem;
}

@ObjectType('InventoryItemConnection', { simpleResolvers: true })
export class InventoryItemConnection {
  @Field(() => [InventoryItemEdge])
  edges!: InventoryItemEdge[];
  @Field(() => [InventoryItem])
  nodes!: InventoryItem[];
  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

@ObjectType('ReservationLine', { simpleResolvers: true })
export class ReservationLine {
  @Field(() => String)
  sku!: string;
  @Field(() => SafeIntScalar)
  quantity!: number;
}

@ObjectType('Reservation', { implements: Node, simpleResolvers: true })
export class Reservation extends Node {
  kind!: 'Reservation';
  @Field(() => String)
  reservationId!: string;
  @Field(() => ReservationStatus)
  status!: ReservationStatus;
  @Field(() => [ReservationLine])
  lines!: ReservationLine[];
  @Field(() => DateTimeScalar)
  createdAt!: number;
  @Field(() => DateTimeScalar)
  expiresAt!: number;
  @Field(() => DateTimeScalar, { nullable: true })
  settledAt!: number | null;
}

@ObjectType('ReservationEdge', { simpleResolvers: true })
export class ReservationEdge {
  @Field(() => String)
  cursor!: string;
  @Field(() => Reservation)
  node!: Reservation;
}

@ObjectType('ReservationConnection', { simpleResolvers: true })
export class ReservationConnection {
  @Field(() => [ReservationEdge])
  edges!: ReservationEdge[];
  @Field(() => [Reservation])
  nodes!: Reservation[];
  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

@ObjectType('StockMovement', { simpleResolvers: true })
export class StockMovement {
  /** Its place in the list, for the cursor. */
  number!: number;
  @Field(() => StockMovementType)
  type!: StockMovementType;
  @Field(() => String)
  sku!: string;
  @Field(() => SafeIntScalar)
  quantity!: number;
  @Field(() => String, { nullable: true })
  reservationId!: string | null;
  @Field(() => String, { nullable: true })
  reason!: string | null;
  @Field(() => DateTimeScalar)
  at!: number;
}

@ObjectType('StockMovementEdge', { simpleResolvers: true })
export class StockMovementEdge {
  @Field(() => String)
  cursor!: string;
  @Field(() => StockMovement)
  node!: StockMovement;
}

@ObjectType('StockMovementConnection', { simpleResolvers: true })
export class StockMovementConnection {
  @Field(() => [StockMovementEdge])
  edges!: StockMovementEdge[];
  @Field(() => [StockMovement])
  nodes!: StockMovement[];
  @Field(() => PageInfo)
  pageInfo!: PageInfo;
}

@InputType('CreateInventoryItemInput')
export class CreateInventoryItemInput {
  @Field(() => String)
  sku!: string;
  @Field(() => SafeIntScalar)
  quantity!: number;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@InputType('AdjustInventoryInput')
export class AdjustInventoryInput {
  @Field(() => String)
  sku!: string;
  @Field(() => SafeIntScalar)
  delta!: number;
  @Field(() => String, { nullable: true })
  reason?: string | null;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@InputType('ReservationLineInput')
export class ReservationLineInput {
  @Field(() => String)
  sku!: string;
  @Field(() => SafeIntScalar)
  quantity!: number;
}

@InputType('ReserveInventoryInput')
export class ReserveInventoryInput {
  @Field(() => [ReservationLineInput])
  lines!: ReservationLineInput[];
  @Field(() => SafeIntScalar, { defaultValue: 600_000 })
  holdMs!: number;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@InputType('SettleReservationInput')
export class SettleReservationInput {
  @Field(() => String)
  reservationId!: string;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@InputType('ExtendReservationInput')
export class ExtendReservationInput {
  @Field(() => String)
  reservationId!: string;
  @Field(() => SafeIntScalar)
  holdMs!: number;
  @Field(() => String, { nullable: true })
  idempotencyKey?: string | null;
}

@ObjectType('StockShortage', { simpleResolvers: true })
export class StockShortage {
  @Field(() => String)
  sku!: string;
  @Field(() => SafeIntScalar)
  requested!: number;
  @Field(() => SafeIntScalar)
  available!: number;
}

@ObjectType('InsufficientStock', { implements: DomainError, simpleResolvers: true })
export class InsufficientStock extends DomainError {
  kind!: 'InsufficientStock';
  @Field(() => [StockShortage])
  shortages!: StockShortage[];
}

@ObjectType('ReservationNotHeld', { implements: DomainError, simpleResolvers: true })
export class ReservationNotHeld extends DomainError {
  kind!: 'ReservationNotHeld';
  @Field(() => Reservation)
  reservation!: Reservation;
}

export const CreateInventoryItemResult = createUnionType({
  name: 'CreateInventoryItemResult',
  types: () => [InventoryItem, AlreadyExists] as const,
  resolveType: (value) => value.kind,
});
export type CreateInventoryItemResult = InventoryItem | AlreadyExists;

export const AdjustInventoryResult = createUnionType({
  name: 'AdjustInventoryResult',
  types: () => [InventoryItem, NotFound, InsufficientStock] as const,
  resolveType: (value) => value.kind,
});
export type AdjustInventoryResult = InventoryItem | NotFound | InsufficientStock;

export const ReserveInventoryResult = createUnionType({
  name: 'ReserveInventoryResult',
  types: () => [Reservation, InsufficientStock, NotFound] as const,
  resolveType: (value) => value.kind,
});
export type ReserveInventoryResult = Reservation | InsufficientStock | NotFound;

export const SettleReservationResult = createUnionType({
  name: 'SettleReservationResult',
  types: () => [Reservation, ReservationNotHeld, NotFound] as const,
  resolveType: (value) => value.kind,
});
export type SettleReservationResult = Reservation | ReservationNotHeld | NotFound;
