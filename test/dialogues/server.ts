/** The whole engine behind a listener on the loopback, with one plugin that makes the answers the dialogues speak of. */
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createServer, type ListenOptions } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { accept, Clock, Dns, defer, definePlugin, Limiter, Lock, reject, reply, Store } from '@postroad/plugin'
import { fakeClock, memoryLimiter, memoryLock, memoryStore } from '@postroad/testing'

/** A message as it was taken. */
export interface Taken {
  readonly from: string
  readonly to: readonly string[]
  readonly text: string
  readonly hasOnlyCrlf: boolean | undefined
}

/** What {@link startServer} gives. */
export interface DialogueServer extends AsyncDisposable {
  readonly port: number
  readonly taken: Taken[]
  readonly connections: number
}

/**
 * Mail for any address is taken, but: `nobody` does not exist, `later` is deferred, a subject of `spam` is refused, `half` in the subject only
 * for recipients that begin with `b`. `secret` is everyone's password.
 */
const house = (taken: Taken[]) =>
  definePlugin({
    name: 'house',
    hooks: {
      auth: {
        mechanisms: ['PLAIN', 'LOGIN'],
        handler: ({ attempt }) =>
          'password' in attempt && attempt.password === 'secret'
            ? { name: attempt.username }
            : reject('No', { status: '5.7.8', code: 535 }),
      },
      verify: ({ argument }) => (argument === 'postmaster' ? reply(250, '<postmaster@mx.test>', '2.1.5') : undefined),
      rcpt: ({ recipient }) => {
        if (recipient.local === 'nobody') return reject('No such user', { status: '5.1.1' })
        if (recipient.local === 'later') return defer('Try again later', { status: '4.7.1' })
        return undefined
      },
      route: () => ({ via: 'house' }),
      message: ({ message, envelope }) => {
        const subject = message.headers.get('subject') ?? ''
        if (subject === 'spam') return reject('We do not want it', { status: '5.7.1' })
        if (subject !== 'half') return accept()
        const refused = envelope.recipients
          .filter(({ address }) => address.local.startsWith('b'))
          .map(({ address }) => address)
        return reject('Not for b', { status: '5.7.1', for: refused })
      },
      queue: {
        supports: ['8BITMIME', 'SMTPUTF8', 'DSN', 'BINARYMIME', 'REQUIRETLS'],
        async handler({ envelope, message }) {
          const chunks: Uint8Array[] = []
          for await (const chunk of message.raw()) chunks.push(chunk)
          const to = envelope.recipients.map(({ address }) => address.toString())
          const text = Buffer.concat(chunks).toString('latin1')
          taken.push({ from: envelope.from?.toString() ?? '', to, text, hasOnlyCrlf: message.hasOnlyCrlf })
          return { id: 'taken' }
        },
      },
    },
  })()

/** Starts it; nothing of it is left behind. */
export async function startServer(listen: Partial<ListenOptions> = {}): Promise<DialogueServer> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-dialogue-'))
  const taken: Taken[] = []
  const clock = fakeClock()
  const services = [
    { service: Clock, create: () => clock },
    { service: Store, create: () => memoryStore(clock) },
    { service: Limiter, create: () => memoryLimiter(clock) },
    { service: Lock, create: () => memoryLock() },
    { service: Dns, create: () => zoneDns({}, { clock }) },
  ]
  const server = await createServer(
    {
      hostname: 'mx.test',
      folder,
      refuseAt: 'now',
      log: { format: 'json', level: 'error', write: () => {} },
      setup: (app) => {
        // A busy machine is late, too: the tighter limits of a server under stress are not what dialogues speak of.
        const stress = { loopDelayMs: 600_000 }
        app.use(house(taken)).listen({ name: 'dialogue', port: 0, host: '127.0.0.1', stress, ...listen })
      },
    },
    { services },
  )
  await server.listen()
  return {
    port: server.addresses[0]?.port ?? 0,
    taken,
    get connections() {
      return server.connections
    },
    async [Symbol.asyncDispose]() {
      await server.close({ grace: 0 })
      await rm(folder, { recursive: true, force: true })
    },
  }
}
