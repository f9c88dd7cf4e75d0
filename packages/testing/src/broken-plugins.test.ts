/** Each clause of the plugin contract is broken by a plugin as people write them, and the contract finds it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { definePlugin, type Hooks, type Message, reject, Store } from '@postroad/plugin'
import { z } from 'zod'
import { contractTests } from './plugin-contract.ts'
import type { Factory } from './test-plugin.ts'

const withHooks = (hooks: Hooks) => definePlugin({ name: 'broken', hooks })

async function textOf(message: Message): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of message.raw()) chunks.push(chunk)
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
}

/** Must not be asked about what it never expected. */
function unless(isFine: unknown): void {
  if (!isFine) throw new Error('the author never thought of it')
}

const scores: Record<string, string[]> = {}
let isBusy = false
let isOpen = false
let timer: NodeJS.Timeout | undefined
const once = definePlugin({
  name: 'broken',
  setup: () => ({
    start() {
      unless(!isOpen)
      isOpen = true
    },
    close() {
      isOpen = false
    },
  }),
})
const leaving = (when: 'setup' | 'start') =>
  definePlugin({
    name: 'broken',
    setup() {
      const leave = (): void => void (timer = setInterval(() => undefined, 1_000).unref())
      if (when === 'setup') leave()
      return when === 'start' ? { start: leave } : {}
    },
  })
const deaf = definePlugin({
  name: 'broken',
  needs: { store: Store },
  setup: ({ store }) => ({ mail: async () => void (await store.get('x')) }),
})
const harsh = definePlugin({
  name: 'broken',
  needs: { store: Store },
  setup: ({ store }) => ({
    mail: ({ signal }) =>
      store.get('x', signal).then(
        () => undefined,
        () => reject('no store'),
      ),
  }),
})

const BROKEN: readonly (readonly [clause: RegExp, plugin: Factory<readonly never[]>])[] = [
  [/null reverse-path/, withHooks({ mail: ({ envelope }) => unless(envelope.from) })],
  [/outside ASCII/, withHooks({ mail: ({ envelope }) => unless(/^[ -~]*$/.test(`${envelope.from}`)) })],
  [/address literals/, withHooks({ helo: ({ helo }) => unless(/^[a-z.]+$/.test(helo.name)) })],
  [/bare postmaster/, withHooks({ rcpt: ({ recipient }) => unless(recipient.domain) })],
  [/properties of objects/, withHooks({ helo: ({ helo }) => void scores[helo.name]?.push('seen') })],
  [/quoted local parts/, withHooks({ mail: ({ envelope }) => unless(`${envelope.from}`.split('@').length === 2) })],
  [/an empty message/, withHooks({ message: ({ message }) => unless(message.headers.get('subject')) })],
  [/without a header section/, withHooks({ message: ({ message }) => unless(message.headers.get('subject')) })],
  [
    /without a body/,
    withHooks({ message: async ({ message }) => unless((await textOf(message)).includes('\r\n\r\n')) }),
  ],
  [/octets that are no text/, withHooks({ message: async ({ message }) => void (await textOf(message)) })],
  [
    /a large message/,
    withHooks({ message: async ({ message }) => unless((await textOf(message)).length < 1_000_000) }),
  ],
  [
    /another server takes the mail/,
    withHooks({ message: ({ session }) => (session.role === 'mta' ? reject('Not here') : undefined) }),
  ],
  [
    /two sessions/,
    withHooks({
      async message() {
        unless(!isBusy)
        isBusy = true
        await later(5)
        isBusy = false
      },
    }),
  ],
  [/client that vanishes/, withHooks({ rcpt: async () => void (await later(400, undefined, { ref: false })) })],
  [/^store fails/, harsh],
  [/^store never answers/, deaf],
  [/unknown option/, definePlugin({ name: 'broken', options: z.object({}), hooks: {} })],
  [/set up, started, closed/, leaving('start')],
  [/postroad check/, leaving('setup')],
  [/a reload/, once],
]

for (const [clause, plugin] of BROKEN)
  test(`the contract finds who breaks: ${clause.source}`, async () => {
    const [, run] =
      [...contractTests(plugin, { patience: 60, large: 2_000_000 })].find(([name]) => clause.test(name)) ?? []
    assert.ok(run, clause.source)
    await assert.rejects(
      run(),
      (error: Error) => error instanceof assert.AssertionError || /never thought of it/.test(error.message),
    )
    clearInterval(timer)
  })

test('every clause is broken by some plugin above', () => {
  const clauses = [...contractTests(harsh).keys()]
  assert.deepEqual(
    clauses.filter((name) => !BROKEN.some(([clause]) => clause.test(name))),
    [],
  )
})
