/** What the README promises, as a table of sessions. */
import assert from 'node:assert/strict'
import { definePlugin, type Service, Spool, quarantine as setAside } from '@postroad/plugin'
import { memorySpool, testPlugin } from '@postroad/testing'
import { quarantine } from './index.ts'

const DAY = 86_400_000

/** Quarantines by subject: `all`, or `first` for the first recipient only. */
const picky = definePlugin({
  name: 'picky',
  hooks: {
    message({ message, envelope }) {
      const subject = message.headers.get('subject') ?? ''
      const [first] = envelope.recipients
      if (subject === 'all') return setAside('spam: all of it')
      return subject === 'first' && first ? setAside('spam: for the first', { for: [first.address] }) : undefined
    },
  },
})

type Services = readonly (readonly [Service<unknown>, unknown])[]

/** A spool of its own for a case, and what is known of the messages in it. */
function kept(): {
  readonly services: Services
  readonly metas: () => Promise<readonly Readonly<Record<string, unknown>>[]>
} {
  const spool = memorySpool()
  const metas = async () => {
    const found: Readonly<Record<string, unknown>>[] = []
    for await (const id of spool.list()) found.push((await spool.get(id))?.meta ?? {})
    return found
  }
  return { services: [[Spool, spool]], metas }
}

const addresses = (meta: Readonly<Record<string, unknown>> | undefined) =>
  ((meta?.['recipients'] ?? []) as readonly { readonly address: string }[]).map(({ address }) => address) // as the plugin writes it

const [whole, part, clean, other, short] = [kept(), kept(), kept(), kept(), kept()]
const broken: Spool = { ...memorySpool(), put: () => Promise.reject(new Error('the disk is full')) }
const all = { From: 'a@client.test', Subject: 'all' }

testPlugin(
  quarantine,
  [
    {
      name: 'a quarantined message is accepted, kept for 30 days, and not delivered',
      services: whole.services,
      data: all,
      expect: {
        accepted: true,
        delivered: false,
        async check() {
          const [meta, ...rest] = await whole.metas()
          assert.deepEqual(rest, [])
          assert.deepEqual(addresses(meta), ['recipient@mx.test'])
          assert.equal(meta?.['reason'], 'spam: all of it')
          assert.equal(Number(meta?.['expiresAt']) - Number(meta?.['at']), 30 * DAY)
        },
      },
    },
    {
      name: 'for the recipients it was quarantined for only; the others get it',
      services: part.services,
      rcpt: ['one@mx.test', 'two@mx.test'],
      data: { ...all, Subject: 'first' },
      expect: {
        accepted: true,
        delivered: ({ to }) => assert.deepEqual(to, ['two@mx.test']),
        check: async () => assert.deepEqual((await part.metas()).map(addresses), [['one@mx.test']]),
      },
    },
    {
      name: 'what nobody quarantined passes by',
      services: clean.services,
      data: { ...all, Subject: 'Minutes' },
      expect: { accepted: true, delivered: true, check: async () => assert.deepEqual(await clean.metas(), []) },
    },
    {
      name: 'what is quarantined for a reason outside `matches` is left to another plugin',
      services: other.services,
      options: { matches: ['virus*'] },
      data: all,
      expect: {
        accepted: true,
        quarantined: /^spam: all of it$/,
        check: async () => assert.deepEqual(await other.metas(), []),
      },
    },
    {
      name: 'it is kept as long as the operator says, when the reason is among `matches`',
      services: short.services,
      options: { keep: '14 d', matches: ['virus*', 'spam*'] },
      data: all,
      expect: {
        accepted: true,
        async check() {
          const [meta] = await short.metas()
          assert.equal(Number(meta?.['expiresAt']) - Number(meta?.['at']), 14 * DAY)
        },
      },
    },
    {
      name: 'a message that cannot be stored is answered 451: the client keeps it',
      services: [[Spool, broken]],
      data: all,
      expect: { refused: true, code: 451, delivered: false, failure: /the disk is full/ },
    },
  ],
  { with: [picky()] },
)
