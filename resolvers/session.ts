/** Sessions. */
import { Arg, Ctx, Int, Mutation, Query, Resolver, Root, Subscription } from 'type-graphql';
import {
  CreateSessionInput,
  CreateSessionPayload,
  RotateSessionResult,
  Session,
  SessionConnection,
  SessionEnded,
  SessionEndReason,
  SessionResult,
  UpdateSessionInput,
} from '../schema/session';
import type { SessionEnd } from '../src/patterns/session';
import type { RequestContext } from './context';
import { toInvalid, toPayload, toResult, toSession, toSessionConnection } from './session-shapes';
import { given } from './shapes';
import { subscribeTo } from './subscription';

const endReasons = { destroyed: SessionEndReason.DESTROYED, expired: SessionEndReason.EXPIRED } as const;

@Resolver()
export class SessionResolver {
  @Query(() => Session, { nullable: true })
  async session(
    @Arg('token', () => String) token: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<Session | null> {
    const session = await patterns.sessions.get(token);
    return session ? toSession(session) : null;
  }

  @Query(() => SessionConnection)
  async sessionsOfUser(
    @Arg('userId', () => String) userId: string,
    @Arg('first', () => Int, { defaultValue: 50 }) first: number,
    @Arg('after', () => String, { nullable: true }) after: string | null | undefined,
    @Ctx() { patterns }: RequestContext,
  ): Promise<SessionConnection> {
    return toSessionConnection(await patterns.sessions.list(userId, first, after ?? undefined), after);
  }

  @Mutation(() => CreateSessionPayload)
  async createSession(
    @Arg('input', () => CreateSessionInput) input: CreateSessionInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<CreateSessionPayload> {
    return toPayload(await patterns.sessions.create(given(input)));
  }

  @Mutation(() => SessionResult)
  async touchSession(
    @Arg('token', () => String) token: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<SessionResult> {
    return toResult(await patterns.sessions.touch(token));
  }

  @Mutation(() => SessionResult)
  async updateSession(
    @Arg('input', () => UpdateSessionInput) input: UpdateSessionInput,
    @Ctx() { patterns }: RequestContext,
  ): Promise<SessionResult> {
    // Here null and left out differ: an email that is null is taken away.
    return toResult(await patterns.sessions.update({ ...given(input), email: input.email }));
  }

  @Mutation(() => RotateSessionResult)
  async rotateSession(
    @Arg('token', () => String) token: string,
    @Arg('idempotencyKey', () => String, { nullable: true }) idempotencyKey: string | null | undefined,
    @Ctx() { patterns }: RequestContext,
  ): Promise<RotateSessionResult> {
    const outcome = await patterns.sessions.rotate({ token, idempotencyKey: idempotencyKey ?? undefined });
    return outcome.kind === 'opened' ? toPayload(outcome) : toInvalid();
  }

  @Mutation(() => Boolean)
  destroySession(@Arg('token', () => String) token: string, @Ctx() { patterns }: RequestContext): Promise<boolean> {
    return patterns.sessions.destroy(token);
  }

  @Mutation(() => Int)
  destroyUserSessions(
    @Arg('userId', () => String) userId: string,
    @Ctx() { patterns }: RequestContext,
  ): Promise<number> {
    return patterns.sessions.destroyAll(userId);
  }

  @Subscription(() => SessionEnded, {
    subscribe: ({ args, context }) => {
      const { userId } = args as { userId: string };
      const { sessions } = (context as RequestContext).patterns;
      return subscribeTo((signal) => sessions.ended(userId, signal));
    },
  })
  sessionEnded(
    @Root() { sessionId, userId, reason }: SessionEnd,
    @Arg('userId', () => String) _userId: string,
  ): SessionEnded {
    return { sessionId, userId, reason: endReasons[reason] };
  }
}
