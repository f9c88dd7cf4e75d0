/** A plugin says the same whoever takes the mail: this server, or another one that asks. */
import assert from 'node:assert/strict'
import type { HookName } from '@postroad/plugin'
import { type CaseParts, used } from './case.ts'
import { failuresOf } from './failure.ts'
import { shownReply } from './reply.ts'
import { type Said, SessionClient, type SessionScript } from './session-script.ts'
import { createTestServer, SINK, type TestServer } from './test-server.ts'
import { Watch } from './watch.ts'

/** Whoever hooks one of these belongs to the server that takes the mail, and is not to be compared. */
const OF_TAKERS: readonly HookName[] = ['route', 'queue', 'quarantine']
/** Where one of these is hooked Postfix' policy protocol, which has no content, is a mistake. */
const OF_CONTENT: readonly HookName[] = ['receive', 'message', 'rewrite']

/** Where a plugin stands, and what sessions are held there. */
export type RolePlay = Pick<CaseParts, 'make' | 'surroundings'> & {
  readonly earlier?: readonly SessionScript[]
  /** Milliseconds of fake time between those and the session. */
  readonly wait?: number
}

/** The protocols by which a server in charge can ask these plugins; none when they belong to the server in charge. */
export async function rolesFor(play: RolePlay): Promise<readonly ('milter' | 'policy')[]> {
  const server = await createTestServer(used(play, new Watch()), { ...play.surroundings, start: false })
  try {
    const hooks = new Set(server.server.explain().flatMap((scope) => Object.entries(scope.hooks).flatMap(hookedBy)))
    if (OF_TAKERS.some((hook) => hooks.has(hook))) return []
    return OF_CONTENT.some((hook) => hooks.has(hook)) ? ['milter'] : ['milter', 'policy']
  } finally {
    await server.close()
  }
}

function hookedBy([hook, waves]: [string, readonly (readonly { readonly ownName: string }[])[]]): readonly HookName[] {
  return waves.flat().some(({ ownName }) => ownName !== SINK) ? [hook as HookName] : [] // a key of the table of hooks
}

/**
 * Holds the session in both roles, each time on a server of its own.
 *
 * @throws {AssertionError} where the refusals differ, or the plugin fails or does what it must not as a filter
 */
export async function sameRefusals(play: RolePlay, session: SessionScript, asked: 'milter' | 'policy'): Promise<void> {
  // Verbs beside a transaction are not asked about.
  const { command: _, ...told } = session
  const [taken, known] = await held(play, told, 'smtp')
  // Whether a client may log in is the business of the server in charge.
  if (taken.some(({ at, reply }) => at === 'auth' && reply.code >= 400)) return
  const [said, trouble] = await held(play, told, asked)
  // A server that asks holds all of a message or nothing: where some are set aside, and there is nothing to say to the others, they come one by one.
  const judged = refusals(taken).length > 0 ? said : said.filter(({ reply }) => !isOneByOne(reply))
  if (known.length === 0) assert.deepEqual(trouble, [], `as a filter (protocol: '${asked}')`)
  if (same(taken, judged)) return
  // Who answers differently on two servers of one kind cannot be compared: what stands outside of them remembers.
  const [again] = await held(play, told, 'smtp')
  if (!same(taken, again)) return
  assert.deepEqual(
    refusals(judged),
    refusals(taken),
    `as a filter (protocol: '${asked}') the plugin does not refuse as it does where it takes the mail: ${listed(judged)} in place of ${listed(taken)}. Judge at the hooks that run in both roles, connect to message; \`session.role\` must not change what is said`,
  )
}

/** A case of a table once more, where another server takes the mail. @throws {AssertionError} see {@link sameRefusals} */
export async function sameAsFilter({ make, surroundings, earlier, wait, session }: CaseParts): Promise<void> {
  const play: RolePlay = { make, surroundings, earlier, wait }
  const [asked] = await rolesFor(play)
  if (asked) await sameRefusals(play, session, asked)
}

/** What was said, and what the plugin failed at or did that it must not. */
async function held(
  { make, surroundings, earlier = [], wait = 0 }: RolePlay,
  session: SessionScript,
  protocol: 'smtp' | 'milter' | 'policy',
): Promise<readonly [said: readonly Said[], trouble: readonly string[]]> {
  const watch = new Watch(surroundings.patience)
  const server = await createTestServer(used({ make, surroundings }, watch), { ...surroundings, protocol })
  try {
    for (const one of earlier) await play(server, one)
    if (wait > 0) await server.clock.advance(wait)
    const said = await play(server, session)
    await watch.settled()
    return [said, [...watch.violations, ...failuresOf(server)]]
  } finally {
    await server.close()
  }
}

function play(server: TestServer, { command: _, ...session }: SessionScript): Promise<readonly Said[]> {
  return new SessionClient(server, session).run()
}

/** What is answered where the recipients' answers differ. */
function isOneByOne({ code, status }: Said['reply']): boolean {
  return code === 451 && status === '4.5.3'
}

function same(one: readonly Said[], other: readonly Said[]): boolean {
  return refusals(one).join('\n') === refusals(other).join('\n')
}

/** Codes, statuses and texts, each with its place. */
function refusals(said: readonly Said[]): readonly string[] {
  return said.flatMap(({ at, reply }) => (reply.code >= 400 ? `${shownReply(reply)} (at ${at})` : []))
}

function listed(said: readonly Said[]): string {
  return refusals(said).join(', ') || 'no refusal'
}
