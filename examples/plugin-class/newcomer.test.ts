import { pluginContract, testPlugin } from '@postroad/testing'
import { newcomer } from './newcomer.ts'

const bob = { mail: 'bob@new.test', rcpt: 'x@mx.test' }

testPlugin(newcomer, [
  { name: 'counts a point for a domain that is new', ...bob, expect: { accepted: true, points: 1 } },
  { name: 'none when it was here before', earlier: [bob], ...bob, expect: { accepted: true, points: 0 } },
  {
    name: 'forgets after the time it was told',
    options: { remember: 1_000 },
    earlier: [bob],
    wait: 1_001,
    ...bob,
    expect: { points: 1 },
  },
  { name: 'says nothing of the null reverse-path', mail: '<>', expect: { points: 0 } },
])

pluginContract(newcomer, { large: 1_000_000 })
