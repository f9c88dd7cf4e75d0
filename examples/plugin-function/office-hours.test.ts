import { definePlugin } from '@postroad/plugin'
import { fakeClock, pluginContract, testPlugin } from '@postroad/testing'
import { type OfficeHours, officeHours } from './office-hours.ts'

/** A table wants the factory of a plugin, with its name. */
const factory = Object.assign((options: OfficeHours) => officeHours(options), { pluginName: 'office-hours' })
const at = (hour: number) => fakeClock(Date.UTC(2026, 0, 1, hour))
const everybody = definePlugin({
  name: 'everybody',
  hooks: { auth: { mechanisms: ['PLAIN'], handler: ({ attempt }) => ({ name: attempt.username }) } },
})

testPlugin(
  factory,
  [
    { name: 'takes mail during the day', clock: at(12), mail: 'a@client.test', expect: 'accepted' },
    { name: 'defers it in the evening', clock: at(17), mail: 'a@client.test', expect: { refused: '4.3.2', code: 450 } },
    {
      name: 'takes it from colleagues',
      clock: at(23),
      with: [everybody()],
      auth: { username: 'bob', password: 'x' },
      mail: 'bob@mx.test',
      expect: 'accepted',
    },
    {
      name: 'hours may go over midnight',
      options: { from: 22, until: 6 },
      clock: at(23),
      mail: 'a@client.test',
      expect: 'accepted',
    },
  ],
  { options: { from: 9, until: 17 } },
)

pluginContract(factory, { options: { from: 0, until: 24 }, large: 1_000_000 })
