/** Whatever a client repeats on one connection, the log has some lines of it, and their number. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createServer } from '@postroad/core'
import { defer, definePlugin, type Plugin, reject } from '@postroad/plugin'

const TIMES = 20_000
/** What a connection may write, in octets; 20,000 attempts made 23 MB. */
const BOUND = 200_000
/** Far beyond what an operator would allow: what bounds the log must not be only what ends the connection. */
const LIMITS = { errors: 1e6, noops: 1e6, refusedRecipients: 1e6 }

const users = (how: 'later' | 'wrong') =>
  definePlugin({
    name: 'users',
    hooks: {
      auth: {
        mechanisms: ['PLAIN'],
        handler: () => (how === 'later' ? defer('Later', { status: '4.7.0', code: 454 }) : reject('No')),
      },
    },
  })()
const nowhere = definePlugin({ name: 'nowhere', hooks: { route: () => ({ via: 'nowhere' }) } })()
const greeter = definePlugin({ name: 'greeter', hooks: { helo: () => defer('Later') } })()
const MAIL = 'EHLO x\r\nMAIL FROM:<a@x.example>\r\n'

for (const [name, plugins, begin, again, limits] of [
  ['AUTH answered 454', [users('later')], 'EHLO x\r\n', 'AUTH PLAIN AGEAYg==', LIMITS],
  ['AUTH answered 535', [users('wrong')], 'EHLO x\r\n', 'AUTH PLAIN AGEAYg==', LIMITS],
  ['AUTH answered 454, with the limits as they are', [users('later')], 'EHLO x\r\n', 'AUTH PLAIN AGEAYg==', {}],
  ['RCPT that nobody takes', [nowhere], MAIL, 'RCPT TO:<b@x.example>', {}],
  ['RCPT that is refused', [], MAIL, 'RCPT TO:<b@x.example>', {}],
  ['an unknown command', [], '', 'XTRA', LIMITS],
  ['a command in the wrong place', [], '', 'DATA', LIMITS],
  ['EHLO that is refused', [greeter], '', 'EHLO x', {}],
  ['RSET', [], MAIL, 'RSET', {}],
] as const)
  test(`${TIMES} times ${name}: the log stays small`, async () => {
    const { text, log } = await repeat([...plugins], { begin, again, limits })
    assert.ok(log.length < BOUND, `${log.length} octets`)
    assert.ok(text.length > 0)
    if (name.startsWith('AUTH') && limits === LIMITS) {
      const attempts = log.split('\n').filter((line) => line.includes('"event":"auth"'))
      assert.equal(JSON.parse(attempts.at(-1) ?? '').attempts, TIMES)
      assert.equal(attempts.length, 51)
    }
  })

interface Speech {
  readonly begin: string
  readonly again: string
  readonly limits: object
}

async function repeat(
  plugins: readonly Plugin[],
  { begin, again, limits }: Speech,
): Promise<{ text: string; log: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  let log = ''
  const server = await createServer({
    hostname: 'mx.test',
    folder,
    refuseAt: 'now',
    log: { format: 'json', level: 'debug', write: (lines) => void (log += lines) },
    setup(app) {
      for (const plugin of plugins) app.use(plugin)
      app.listen({ name: 'in', port: 0, host: '127.0.0.1', authWithoutTls: true, limits })
    },
  })
  await server.listen()
  const socket = connect(server.addresses[0]?.port ?? 0, '127.0.0.1')
  socket.write(`${begin}${`${again}\r\n`.repeat(TIMES)}QUIT\r\n`)
  let text = ''
  for await (const chunk of socket) text += chunk
  await server.close({ grace: 0 })
  await rm(folder, { recursive: true, force: true })
  return { text, log }
}
