/** Every mistake that must not compile. `npm run check` fails when one of them begins to. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Address,
  defer,
  defineFact,
  definePlugin,
  defineService,
  discard,
  quarantine,
  type Route,
  reject,
  reroute,
  rewrite,
  type Schema,
  Store,
  suspect,
} from './index.ts'

declare module '@postroad/mail/settings' {
  interface TransportSettings {
    'types-test': { readonly ring?: 'once' | 'twice' }
  }
}

const spf = defineFact<string>('spf')
const country = defineFact<string, 'session'>('country', 'session')
const score = defineFact<number, 'recipient'>('score', 'recipient')
const schema: Schema<{ delay?: number }, { delay: number }> = {
  '~standard': { version: 1, vendor: 'test', validate: () => ({ value: { delay: 1 } }) },
}
const required: Schema<{ host: string }> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as { host: string } }) },
}
const Geo = defineService<{ country(address: string): string }>('geo')

function never(): void {
  // @ts-expect-error a permanent refusal cannot carry a transient status
  reject('no', { status: '4.7.1' })
  // @ts-expect-error and the other way round
  defer('later', { status: '5.7.1' })
  // @ts-expect-error an opinion needs a text
  reject()
  // @ts-expect-error points are a number
  suspect('2', 'x')

  const greylist = definePlugin({ name: 'greylist', options: schema, needs: { store: Store }, setup: () => ({}) })
  greylist()
  greylist({ delay: 5 })
  // @ts-expect-error unknown option
  greylist({ dealy: 5 })
  // @ts-expect-error wrong type of an option
  greylist({ delay: '5' })
  const proxy = definePlugin({ name: 'proxy', options: required, setup: () => ({}) })
  // @ts-expect-error a required option is missing
  proxy()
  const plain = definePlugin({ name: 'plain', hooks: {} })
  // @ts-expect-error no options here
  plain({})

  definePlugin({
    name: 'x',
    hooks: {
      // @ts-expect-error there is no transaction yet at connect
      connect: ({ set }) => set(spf, 'pass'),
      // @ts-expect-error nor an envelope at helo
      helo: ({ envelope }) => void envelope,
      // @ts-expect-error a command cannot be quarantined
      mail: () => quarantine('no'),
      // @ts-expect-error there is no message yet at RCPT
      rcpt: ({ message }) => void message,
      // @ts-expect-error a command cannot be discarded
      data: () => discard('no'),
      // @ts-expect-error a fact has a type
      message: ({ set }) => set(spf, 5),
      // @ts-expect-error a route is not an opinion
      route: () => ({ host: 'x' }),
      // @ts-expect-error a receipt has an id
      queue: () => ({}),
      rewrite: ({ message }) => {
        // @ts-expect-error the message is read, not changed
        message.size = 1
      },
    },
  })
  definePlugin({
    name: 'y',
    // @ts-expect-error no such hook
    hooks: { onMail: () => undefined },
  })
  definePlugin({
    name: 'z',
    hooks: {
      // @ts-expect-error a recipient's fact cannot be written for all of them
      mail: ({ set }) => set(score, 1),
      // @ts-expect-error an auth handler says its mechanisms
      auth: () => undefined,
      // @ts-expect-error an opinion, not a string
      helo: () => 'no',
      // @ts-expect-error no such option beside a handler
      data: { handler: () => undefined, afetr: ['x'] },
      // @ts-expect-error no such feature of a queue
      queue: { handler: () => undefined, supports: ['CHUNKING'] },
    },
  })
  definePlugin({
    name: 'w',
    needs: { store: Store },
    // @ts-expect-error only what is needed is there
    setup: ({ limiter }) => ({ mail: () => void limiter }),
  })
  definePlugin({
    name: 'v',
    provides: { geo: Geo },
    // @ts-expect-error what is provided must be returned
    setup: () => ({}),
  })
  // @ts-expect-error hooks or setup, not both
  definePlugin({ name: 'u', hooks: {}, setup: () => ({}) })

  // @ts-expect-error a misspelt setting of a known transport
  keep({ via: 'types-test', settings: { rign: 'once' } } satisfies Route<'types-test'>)
  // @ts-expect-error a setting of a known transport has a type
  keep({ via: 'types-test', settings: { ring: 'thrice' } } satisfies Route<'types-test'>)
  // @ts-expect-error and so has one that every route may say
  keep({ via: 'types-test', settings: { reversePath: 7 } } satisfies Route<'types-test'>)
  // @ts-expect-error a literal route is known by its via
  reroute({ via: 'types-test', settings: { rign: 'once' } })
  // @ts-expect-error what nobody knows takes no objects either
  reroute({ via: 'types-test-unknown', settings: { ring: {} } })
  const archive = {} as Address
  // @ts-expect-error edits of nothing
  rewrite({})
  // @ts-expect-error null is <>; undefined would be "as it is"
  rewrite({ from: undefined })
  // @ts-expect-error an address, not its text
  rewrite({ add: ['archive@example.com'] })
  // @ts-expect-error a misspelt edit
  rewrite({ add: [archive], drop: [archive] })
  definePlugin({
    name: 't',
    hooks: {
      // @ts-expect-error another body is a promise: wait for it
      rewrite: ({ message }) => message.withBody([]).withHeader('X', 'y'),
      // @ts-expect-error the envelope is edited at rewrite, not at message
      message: () => rewrite({ from: null }),
      // @ts-expect-error nor at rcpt
      rcpt: () => rewrite({ add: [archive] }),
      mail: ({ session }) => {
        // @ts-expect-error the role is read, not chosen
        session.role = 'filter'
      },
      helo: ({ session }) => {
        // @ts-expect-error there is no such role
        if (session.role === 'proxy') return reject('no')
        return undefined
      },
    },
  })
  definePlugin({
    name: 's',
    hooks: {
      // @ts-expect-error made by rewrite(), as opinions are made by reject()
      rewrite: () => ({ from: null, add: [archive] }),
      // @ts-expect-error octets, not text
      message: async ({ message }) => void (await message.withBody(['text'])),
    },
  })
  definePlugin({
    name: 'r',
    // @ts-expect-error there is no such thing to change
    hooks: { rewrite: { changes: 'headers', handler: () => undefined } },
  })

  // What must compile:
  keep({ via: 'types-test', settings: { ring: 'once', reversePath: 'a@mx.test' } } satisfies Route<'types-test'>)
  keep({ via: 'types-test-unknown', settings: { anything: 1 } } satisfies Route<'types-test-unknown'>)
  reroute({ via: 'types-test', settings: { ring: 'twice' } })
  reroute({ via: 'types-test-unknown', settings: { anything: true } })
  const written: Route = { via: String(country), settings: { rign: 'from a configuration' } }
  reroute(written)
  definePlugin({
    name: 'disclaimer',
    hooks: { rewrite: { changes: 'body', handler: async ({ message }) => message.withBody(message.body()) } },
  })
  definePlugin({
    name: 'archive',
    hooks: {
      rewrite: {
        changes: 'envelope',
        handler: () => rewrite({ from: null, add: [archive, { address: archive, parameters: { notify: [] } }] }),
      },
      judged: ({ outcome, message }) => void (outcome === 'pass' && message?.size),
    },
  })
  definePlugin({
    name: 'ok',
    options: schema,
    needs: { store: Store },
    provides: { geo: Geo },
    setup: ({ options, store }) => ({
      services: { geo: { country: () => 'NL' } },
      connect: { provides: [country], handler: ({ set }) => set(country, 'NL') },
      mail: { after: [country], handler: ({ get }) => (get(country) === 'NL' ? suspect(1, 'x') : undefined) },
      rcpt: async ({ signal, recipient }) => {
        const seen = await store.get(recipient.domain, signal)
        return seen && options.delay > 0 ? defer('later') : undefined
      },
      auth: {
        mechanisms: ['PLAIN'],
        handler: ({ attempt }) => (attempt.mechanism === 'PLAIN' ? { name: attempt.username } : undefined),
      },
      message: () => [suspect(1, 'a'), quarantine('b')],
      queue: { supports: ['8BITMIME'], handler: () => ({ id: 'q1' }) },
      rewrite: ({ message }) => message.withHeader('X-Seen', 'yes'),
    }),
  })
}

/** Whoever takes any route takes one of a known transport. */
function keep(route: Route): Route {
  return route
}

test('the mistakes above are compile errors, checked by tsc', () => {
  assert.equal(typeof never, 'function')
})
