/** One case of a table, run on a server of its own, under watch. */
import assert from 'node:assert/strict'
import type { UseOptions } from '@postroad/core'
import type { Plugin } from '@postroad/plugin'
import { type CaseOutcome, checkExpectation, type Expectation } from './expectation.ts'
import { failuresOf } from './failure.ts'
import { watchLeaks } from './leak.ts'
import { policed } from './police.ts'
import { SessionClient, type SessionScript, type SessionStage } from './session-script.ts'
import { createTestServer, type TestServerOptions, type Used } from './test-server.ts'
import { Watch } from './watch.ts'

/** Where a plugin under test stands. */
export interface Surroundings extends TestServerOptions {
  /** What the operator says of the plugin. */
  readonly use?: UseOptions
  /** Other plugins of the scope. */
  readonly with?: readonly Used[]
  /** Milliseconds, really, that are waited for runs that end, and things that close, a little late. Default 1,000. */
  readonly patience?: number
}

/** What one case is made of. */
export interface CaseParts {
  make(): Plugin
  readonly surroundings: Surroundings
  /** Sessions whose outcome is not looked at. */
  readonly earlier: readonly SessionScript[]
  /** Milliseconds of fake time between those and the session. */
  readonly wait: number
  readonly session: SessionScript
  readonly expected: Expectation
}

/** @throws {AssertionError} where it is not as expected, and for everything the plugin must not do */
export async function runCase(parts: CaseParts): Promise<void> {
  const { expected } = parts
  if (expected.mistake) {
    await assert.rejects(
      async () => createTestServer([parts.make()], parts.surroundings).then((server) => server.close()),
      expected.mistake,
    )
    return
  }
  const watch = new Watch(parts.surroundings.patience)
  const leaks = watchLeaks(parts.surroundings.patience)
  let left: readonly string[] = []
  try {
    await played(parts, watch)
  } finally {
    left = await leaks.end()
  }
  assert.deepEqual([...watch.violations, ...left], [], 'the plugin does what it must not')
}

async function played(parts: CaseParts, watch: Watch): Promise<void> {
  const server = await createTestServer(used(parts, watch), parts.surroundings)
  try {
    for (const session of parts.earlier) await new SessionClient(server, session).run()
    if (parts.wait > 0) await server.clock.advance(parts.wait)
    watch.answers.length = 0
    const client = new SessionClient(server, parts.session)
    const said = await client.run()
    await watch.settled()
    const outcome: CaseOutcome = {
      said,
      reply: said.at(-1)?.reply,
      judged: client.judged,
      answers: watch.answers,
      watch,
      server,
      failures: failuresOf(server),
    }
    await checkExpectation(parts.expected, outcome, endOf(parts.session))
  } finally {
    await server.close()
  }
}

/** The plugins of a case, the one under test watched. */
export function used({ make, surroundings }: Pick<CaseParts, 'make' | 'surroundings'>, watch: Watch): readonly Used[] {
  const plugin = policed(make(), watch)
  return [...(surroundings.with ?? []), surroundings.use ? [plugin, surroundings.use] : plugin]
}

/** The last thing a session sends. */
function endOf({ data, rcpt, mail, command, auth, helo }: SessionScript): SessionStage {
  if (data !== undefined) return 'message'
  if (rcpt !== undefined) return 'rcpt'
  if (mail !== undefined) return 'mail'
  if (command !== undefined) return 'command'
  if (auth !== undefined) return 'auth'
  return helo !== undefined ? 'helo' : 'connect'
}
