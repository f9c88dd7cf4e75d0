import { type Suppression, Suppressions } from '@postroad/plugin'
import { pluginContract } from '@postroad/testing'
import { unsubscribe } from './index.ts'

/** A list in memory, for what needs one. */
const entries: Suppression[] = []
const list: Suppressions = {
  find: async () => undefined,
  async add({ address, reason }) {
    const entry: Suppression = { address, reason, tenant: '', at: 0 }
    entries.push(entry)
    return entry
  },
  remove: async () => false,
  async *list() {},
}

pluginContract(unsubscribe, {
  options: { url: 'https://mail.none.test', senders: ['news@none.test'], address: 'unsubscribe@none.test' },
  services: [[Suppressions, list]],
})
