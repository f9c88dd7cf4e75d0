/**
 * Random sessions against the wire: `npm run fuzz -- --minutes 10 [--seed N]`. Commands in any order, octets cut anywhere, clients that leave at any
 * point, stages that answer in any way. Nothing may be thrown past the wire, hang, leak a session or a timer, or come back malformed.
 */
import { parseArgs } from 'node:util'
import { fuzz } from './session.ts'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string' } } })
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new TypeError(`--minutes must be a number above 0, not ${values.minutes}`)
const { sessions, messages } = await fuzz({ limitMs: minutes * 60_000, ...(values.seed !== undefined && { seed: Number(values.seed) }) })
console.log(`${sessions} sessions, ${messages} messages, nothing found`)
