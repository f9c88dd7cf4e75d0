/** Telemetry looks on: whatever a client does, the answer is the one it would have been without. */
import { definePlugin, quarantine, reject } from '@postroad/plugin'
import { testPlugin } from '@postroad/testing'
import { telemetry } from './index.ts'

const strict = definePlugin({
  name: 'strict',
  hooks: { rcpt: ({ recipient }) => (recipient.local === 'nobody' ? reject('No') : undefined) },
})
const doubting = definePlugin({ name: 'doubting', hooks: { message: () => quarantine('who knows') } })
const data = 'Subject: x\n\nx\n'
const options = { prometheus: { port: 0 }, traces: true } as const

testPlugin(
  telemetry,
  [
    { name: 'mail is taken', data, expect: 'accepted' },
    { name: 'mail is taken when nothing is counted', options: { prometheus: false }, data, expect: 'accepted' },
    { name: 'what is refused stays refused', rcpt: 'nobody@mx.test', with: [strict()], expect: '5.7.1' },
    { name: 'what is set aside is set aside', data, with: [doubting()], expect: { quarantined: /who knows/ } },
    {
      name: 'LMTP has an answer for each recipient',
      protocol: 'lmtp',
      rcpt: ['a@mx.test', 'b@mx.test'],
      data,
      expect: { codes: [250, 250] },
    },
    {
      name: 'a port that is none is refused',
      options: { prometheus: { port: 70_000 } } as never,
      expect: { mistake: /port/ },
    },
  ],
  { options },
)
