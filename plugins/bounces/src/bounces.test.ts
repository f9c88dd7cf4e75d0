import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { Events, type MailEvent, type Service, Store } from '@postroad/plugin'
import { fakeClock, memoryStore, testPlugin } from '@postroad/testing'
import { bounces } from './index.ts'
import { dsnOf, lines, reportOf } from './report-fixture.test.ts'
import { rememberSent } from './sent.ts'
import { BounceAddress } from './token.ts'

const DAY = 86_400_000
/** When the sessions of a table begin. */
const START = fakeClock().now()
const secret = Buffer.alloc(32, 7)
const folder = await mkdtemp(join(tmpdir(), 'postroad-bounces-'))
const keys = join(folder, 'keys')
before(() => writeFile(keys, `k1 ${secret.toString('base64url')}\n`, { mode: 0o600 }))
after(() => rm(folder, { recursive: true }))

const options = { address: 'bounce@b.test', senders: ['news@shop.test'], keys, complaints: ['fbl@shop.test'] }
const address = new BounceAddress(options.address)
const made = (recipients: string[], at = START) => address.make({ id: 'Q1', recipients }, { name: 'k1', secret }, at)

/** The store, and the address for bounces, of mail that was sent at the time that a session begins. */
function sent(...recipients: string[]) {
  const store = memoryStore()
  const to = made(recipients)
  void rememberSent(store, address.serialOf(to), { transaction: 'T1', from: 'news@shop.test', recipients }, 14 * DAY)
  const services: readonly (readonly [Service<unknown>, unknown])[] = [[Store, store]]
  return { to: to.toString(), services }
}

const one = sent('gone@example.org')
const two = sent('gone@example.org', 'there@example.org')
const known = { kind: 'failed', from: 'news@shop.test', transaction: 'T1' } as const
const dead = {
  reply: { code: 550, status: '5.1.1', text: 'User unknown' },
  class: 'invalid-mailbox',
  fault: 'address',
} as const
const nobody = { ...dead, kind: 'failed', recipient: undefined, from: undefined, transaction: undefined } as const
const complaint = (mailFrom: string) =>
  reportOf(
    'message/feedback-report',
    `Feedback-Type: abuse\nVersion: 1\nOriginal-Mail-From: <${mailFrom}>\nOriginal-Rcpt-To: <gone@example.org>\n`,
  )

/** What programs were told. */
const published: MailEvent[] = []
const told: Events = { publish: async (event) => void published.push(event) }
after(() => {
  const about = { transaction: 'T1', from: 'news@shop.test', to: ['gone@example.org'] }
  assert.deepEqual(published, [
    { ...about, kind: 'complained', detail: { type: 'abuse' } },
    { ...about, kind: 'bounced', detail: { ...dead, reported: true } },
  ])
})

testPlugin(
  bounces,
  [
    {
      name: 'a bounce of mail that was sent is read, and dropped',
      services: one.services,
      rcpt: one.to,
      data: dsnOf('gone@example.org'),
      expect: {
        accepted: true,
        route: { via: 'bounces' },
        delivered: false,
        facts: { feedback: [{ ...known, recipient: 'gone@example.org', reported: 'gone@example.org', ...dead }] },
      },
    },
    {
      name: 'of mail to one recipient it is about that one, but where it was sent on to, only perhaps: its mailbox is there',
      services: one.services,
      rcpt: one.to,
      data: dsnOf('other@elsewhere.example'),
      expect: {
        facts: {
          feedback: [
            { ...known, recipient: 'gone@example.org', reported: 'other@elsewhere.example', ...dead, fault: 'mailbox' },
          ],
        },
      },
    },
    {
      name: 'who has a token may not speak of recipients that it is not for',
      services: two.services,
      rcpt: two.to,
      data: dsnOf('victim@example.org'),
      expect: {
        facts: {
          feedback: [
            { ...nobody, from: 'news@shop.test', transaction: 'T1', reported: 'victim@example.org', fault: 'mailbox' },
          ],
        },
      },
    },
    {
      name: 'a policy is no fault of the recipient',
      services: one.services,
      rcpt: one.to,
      data: dsnOf('gone@example.org', '550 5.7.1 Recipient address rejected: blocked using zen.spamhaus.org'),
      expect: {
        facts: {
          feedback: [
            {
              ...known,
              recipient: 'gone@example.org',
              reported: 'gone@example.org',
              reply: { code: 550, status: '5.7.1', text: 'Recipient address rejected: blocked using zen.spamhaus.org' },
              class: 'spam-block',
              fault: 'policy',
            },
          ],
        },
      },
    },
    {
      name: 'a bounce whose mail was forgotten is genuine, and says nothing of anybody',
      rcpt: one.to,
      data: dsnOf('gone@example.org'),
      expect: { accepted: true, facts: { feedback: [{ ...nobody, reported: 'gone@example.org' }] } },
    },
    {
      name: 'a forged address is refused at RCPT',
      rcpt: one.to.replace('+k1-', '+k2-'),
      expect: { refused: '5.1.1', at: 'rcpt', code: 550, text: /No mail was sent from this address/ },
    },
    {
      name: 'and so is the address without a token',
      rcpt: 'bounce@b.test',
      expect: { refused: '5.1.1', at: 'rcpt' },
    },
    {
      name: 'one that is too old is refused, with another text',
      rcpt: made(['gone@example.org'], START - 16 * DAY).toString(),
      expect: { refused: '5.1.1', at: 'rcpt', text: /too long ago/ },
    },
    {
      name: 'while a retry of the last day is in time',
      rcpt: made(['gone@example.org'], START - 14 * DAY).toString(),
      expect: 'accepted',
    },
    {
      name: 'keys that others can read are no reason to refuse: the bounce has to wait',
      options: { ...options, keys: folder },
      rcpt: one.to,
      expect: { refused: '4.3.5', at: 'rcpt', code: 451 },
    },
    {
      name: 'what a person answers goes to who had sent the mail',
      services: one.services,
      mail: 'gone@example.org',
      rcpt: one.to,
      data: lines('From: gone@example.org', 'Subject: Re: News', '', 'Thanks', ''),
      expect: {
        accepted: true,
        facts: { feedback: undefined },
        delivered: ({ to }) => assert.deepEqual(to, ['news@shop.test']),
      },
    },
    {
      name: 'and where that is forgotten, to the postmaster',
      mail: 'gone@example.org',
      rcpt: one.to,
      data: lines('From: gone@example.org', '', 'Thanks', ''),
      expect: { accepted: true, delivered: ({ to }) => assert.deepEqual(to, ['postmaster@b.test']) },
    },
    {
      name: 'RFC 5965: a complaint is believed by the token in it',
      services: one.services,
      rcpt: 'fbl@shop.test',
      data: complaint(one.to),
      expect: {
        accepted: true,
        delivered: false,
        facts: {
          feedback: [
            {
              ...known,
              kind: 'complaint',
              recipient: 'gone@example.org',
              reported: 'gone@example.org',
              detail: 'abuse',
            },
          ],
        },
      },
    },
    {
      name: 'programs are told of a complaint, before it is taken',
      services: [...one.services, [Events, told]],
      rcpt: 'fbl@shop.test',
      data: complaint(one.to),
      expect: { accepted: true },
    },
    {
      name: 'and of a bounce, with what it says and that it was reported',
      services: [...one.services, [Events, told]],
      rcpt: one.to,
      data: dsnOf('gone@example.org'),
      expect: { accepted: true },
    },
    {
      name: 'not of what cannot be laid to a recipient of ours',
      services: [...two.services, [Events, told]],
      rcpt: two.to,
      data: dsnOf('victim@example.org'),
      expect: { accepted: true },
    },
    {
      name: 'one that programs cannot be told of comes again',
      services: [...one.services, [Events, { publish: () => Promise.reject(new Error('the disk is full')) }]],
      rcpt: 'fbl@shop.test',
      data: complaint(one.to),
      expect: { refused: '4.3.0', at: 'message', code: 451 },
    },
    {
      name: 'one without says nothing of anybody',
      services: one.services,
      rcpt: 'fbl@shop.test',
      data: complaint('news@shop.test'),
      expect: {
        facts: {
          feedback: [
            {
              kind: 'complaint',
              recipient: undefined,
              from: undefined,
              transaction: undefined,
              reported: 'gone@example.org',
              detail: 'abuse',
            },
          ],
        },
      },
    },
    {
      name: 'strict: a bounce to a sender itself is taken as long as mail without a mark may come back',
      options: { ...options, strict: true },
      rcpt: 'news@shop.test',
      expect: 'accepted',
    },
    {
      name: 'and then refused: that mail was not sent from here',
      options: { ...options, strict: true },
      earlier: [{ mail: '<>', rcpt: 'news@shop.test' }],
      wait: 15 * DAY,
      rcpt: 'news@shop.test',
      expect: { refused: '5.7.1', at: 'rcpt', code: 550 },
    },
    {
      name: 'but only bounces',
      options: { ...options, strict: true },
      earlier: [{ mail: '<>', rcpt: 'news@shop.test' }],
      wait: 15 * DAY,
      mail: 'ann@example.org',
      rcpt: 'news@shop.test',
      expect: 'accepted',
    },
    {
      name: 'strict and sampled do not go together',
      options: { ...options, strict: true, every: 10 },
      expect: { mistake: /strict.*needs "every: 1"/ },
    },
    {
      name: 'the address leaves room for a token',
      options: { ...options, address: 'bounces-of-the-shop@b.test' },
      expect: { mistake: /letters, digits and hyphens, 12 at most/ },
    },
    {
      name: 'other addresses are left to others',
      rcpt: 'bounce+x@elsewhere.test',
      expect: 'accepted',
    },
  ],
  { options, mail: '<>' },
)
