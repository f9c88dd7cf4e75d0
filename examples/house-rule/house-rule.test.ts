import { pluginContract, testPlugin } from '@postroad/testing'
import { houseRule } from './house-rule.ts'

const shouting = { Subject: 'READ THIS NOW PLEASE' }

testPlugin(houseRule, [
  { name: 'refuses the lottery', data: { Subject: 'You have won!' }, expect: { refused: '5.7.1', text: /ticket/ } },
  { name: 'however it is encoded', data: { Subject: '=?utf-8?B?WW91IGhhdmUgd29uIQ==?=' }, expect: '5.7.1' },
  {
    name: 'lets an ordinary message through',
    data: { Subject: 'Minutes' },
    expect: { accepted: true, delivered: true },
  },
  {
    name: 'shouting counts two points, and is not refused by itself',
    data: shouting,
    expect: { accepted: true, points: 2 },
  },
  {
    name: 'what two points are worth is the operator’s word',
    config: { thresholds: { reject: 2 } },
    data: shouting,
    expect: '5.7.1',
  },
])

pluginContract(houseRule, { large: 1_000_000 })
