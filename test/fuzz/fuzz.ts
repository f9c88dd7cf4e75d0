/**
 * Random sessions: `npm run fuzz -- --minutes 10 [--seed N] [--only NAME]`. Commands in any order, octets cut anywhere, clients that leave at any
 * point, stages and plugins that answer in any way. Nothing may be thrown past the wire, hang, leak a session, or come back malformed.
 */
import { parseArgs } from 'node:util'
import { fuzzAsked } from './asked.ts'
import { fuzzAsking } from './asking.ts'
import { wireSubject } from './checked-stages.ts'
import { engineSubject } from './engine.ts'
import { type FuzzOptions, type FuzzResult, fuzz } from './session.ts'

const USAGE = `npm run fuzz -- [options]

Random sessions against the wire, against the whole engine, against listeners of kinds milter and policy, and against the plugins
that ask filters and services of others, until the time is over or something is found.

  --minutes N     for how long, all together; default 1
  --seed N        the same sessions as in the run that said so; default: other ones each time
  --only NAME     wire, engine, milter, policy, milter-plugin or policy-plugin
`

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    only: { type: 'string' },
    help: { type: 'boolean' },
  },
})
if (values.help) {
  process.stdout.write(USAGE)
  process.exit()
}
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new TypeError(`--minutes must be a number above 0, not ${values.minutes}`)
const SUBJECTS: Readonly<Record<string, (options: FuzzOptions) => Promise<FuzzResult>>> = {
  wire: (given) => fuzz(wireSubject(), given),
  async engine(given) {
    await using engine = await engineSubject()
    return fuzz(engine, given)
  },
  milter: (given) => fuzzAsked('milter', given),
  policy: (given) => fuzzAsked('policy', given),
  'milter-plugin': (given) => fuzzAsking('milter', given),
  'policy-plugin': (given) => fuzzAsking('policy', given),
}
const subjects = Object.entries(SUBJECTS).filter(([name]) => values.only === undefined || values.only === name)
if (subjects.length === 0)
  throw new TypeError(`--only must be one of ${Object.keys(SUBJECTS).join(', ')}, not ${values.only}`)
const options = {
  limitMs: (minutes * 60_000) / subjects.length,
  ...(values.seed !== undefined && { seed: Number(values.seed) }),
}

for (const [name, run] of subjects) {
  const { sessions, messages } = await run(options)
  console.log(`${name}: ${sessions} sessions, ${messages} messages, nothing found`)
}
