/**
 * Random sessions: `npm run fuzz -- --minutes 10 [--seed N] [--only wire|engine]`. Commands in any order, octets cut anywhere, clients that leave at any
 * point, stages and plugins that answer in any way. Nothing may be thrown past the wire, hang, leak a session, or come back malformed.
 */
import { parseArgs } from 'node:util'
import { wireSubject } from './checked-stages.ts'
import { engineSubject } from './engine.ts'
import { fuzz } from './session.ts'

const USAGE = `npm run fuzz -- [options]

Random sessions against the wire and against the whole engine, until the time is over or something is found.

  --minutes N     for how long, both together; default 1
  --seed N        the same sessions as in the run that said so; default: other ones each time
  --only NAME     wire or engine
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
const subjects = ['wire', 'engine'].filter((name) => values.only === undefined || values.only === name)
if (subjects.length === 0) throw new TypeError(`--only must be wire or engine, not ${values.only}`)
const options = {
  limitMs: (minutes * 60_000) / subjects.length,
  ...(values.seed !== undefined && { seed: Number(values.seed) }),
}

for (const name of subjects) {
  await using engine = name === 'engine' ? await engineSubject() : undefined
  const { sessions, messages } = await fuzz(engine ?? wireSubject(), options)
  console.log(`${name}: ${sessions} sessions, ${messages} messages, nothing found`)
}
