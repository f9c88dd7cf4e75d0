/** Postfix's socketmap protocol, as a client: `socketmap_table(5)`. Netstrings; a connection a question. */
import { Exchange } from '@postroad/upstream'
import { valueEntry } from '../entry.ts'
import type { SocketmapFrom } from '../from.ts'
import type { DirectorySource } from '../source.ts'

/** Octets of an answer: Postfix takes no more either. */
const LONGEST = 100_000

/** The map of this name. */
export function openSocketmap({ at: daemon, map }: SocketmapFrom): DirectorySource {
  return {
    name: `socketmap ${daemon.name} ${map}`,
    async find({ key }, signal) {
      const exchange = new Exchange(daemon, {
        limit: LONGEST + 10,
        isWhole: (answer) => netstringIn(answer) !== undefined,
      })
      const stop = (): void => exchange.abandon(signal.reason)
      signal.addEventListener('abort', stop)
      try {
        const request = Buffer.from(`${map} ${key}`)
        exchange.write(`${request.length}:`, request, ',')
        return entryIn(netstringIn(await exchange.answer) ?? '')
      } finally {
        signal.removeEventListener('abort', stop)
        exchange.abandon(new Error('the question is over'))
      }
    },
    close: () => undefined,
  }
}

function entryIn(reply: string): ReturnType<typeof valueEntry> | undefined {
  const space = reply.indexOf(' ')
  const word = space < 0 ? reply : reply.slice(0, space)
  const rest = space < 0 ? '' : reply.slice(space + 1)
  if (word === 'OK') return valueEntry([rest])
  if (word === 'NOTFOUND') return undefined
  throw new Error(`the map cannot say: ${reply === '' ? 'it hung up' : reply.slice(0, 200)}`)
}

/** Undefined while it is not whole. @throws {Error} when it is none */
function netstringIn(answer: Buffer): string | undefined {
  const colon = answer.indexOf(':')
  const head = answer.subarray(0, colon < 0 ? answer.length : colon).toString('latin1')
  if (!/^\d{0,6}$/.test(head)) throw new Error('no netstring: it is not a socketmap that listens there')
  if (colon < 0) return undefined
  const end = colon + 1 + Number(head)
  if (answer.length <= end) return undefined
  if (answer[end] !== 44) throw new Error('no netstring: it does not end with a comma')
  return answer.subarray(colon + 1, end).toString('utf8')
}
