/** The contract, held against plugins that keep it and plugins that do not. */
import { defer, definePlugin, Store } from '@postroad/plugin'
import { z } from 'zod'
import { pluginContract, testPlugin } from './index.ts'

const greylist = definePlugin({
  name: 'greylist',
  options: z.strictObject({ delay: z.number().default(300_000) }),
  needs: { store: Store },
  setup: ({ store, options }) => ({
    async rcpt({ envelope, recipient, session, now, signal }) {
      const key = `${session.remote.address} ${envelope.from ?? '<>'} ${recipient}`
      const first = Number(await store.setIfAbsent(key, String(now()), 86_400_000, signal))
      return now() - first < options.delay ? defer('Greylisted, try again later') : undefined
    },
  }),
})

pluginContract(greylist, { options: { delay: 0 }, large: 1_000_000 })

testPlugin(greylist, [
  { name: 'RFC 6647 §2.4: a stranger has to wait', rcpt: 'bob@mx.test', expect: '4.7.1' },
  {
    name: 'and may then pass',
    earlier: [{ rcpt: 'bob@mx.test' }],
    wait: 300_000,
    rcpt: 'bob@mx.test',
    expect: 'accepted',
  },
  {
    name: 'not before',
    earlier: [{ rcpt: 'bob@mx.test' }],
    wait: 299_000,
    rcpt: 'bob@mx.test',
    expect: { refused: '4.7.1', code: 451 },
  },
  { name: 'options are checked', options: { delay: 'x' as never }, expect: { mistake: /delay/ } },
])
