/** A DNS server on loopback with one zone of names, for plugins that ask `node:dns` by themselves. */
import { createSocket } from 'node:dgram'
import dns from 'node:dns'
import { once } from 'node:events'
import { decode, encode, type Packet } from 'dns-packet'

/** Records by name and type: `{ 'client.test A': ['192.0.2.1'] }`; of a type in its JSON form of `dns-packet`. */
export type Zone = Readonly<Record<string, readonly unknown[]>>

/** Answers until it is closed; everything else is NXDOMAIN, or NODATA where the name has records of another type. */
export async function serveZone(zone: Zone): Promise<AsyncDisposable> {
  const records = new Map(Object.entries(zone).map(([key, data]) => [key.toLowerCase(), data]))
  const socket = createSocket('udp4')
  socket.on('message', (octets, { port, address }) => {
    const query = decode(octets)
    const [question] = query.questions ?? []
    if (!question) return
    const found = records.get(`${question.name} ${question.type}`.toLowerCase()) ?? []
    const isKnown = [...records.keys()].some((key) => key.startsWith(`${question.name.toLowerCase()} `))
    const reply = {
      id: query.id ?? 0,
      type: 'response',
      // 128: recursion available; 3: NXDOMAIN.
      flags: 128 | (found.length > 0 || isKnown ? 0 : 3),
      questions: query.questions,
      answers: found.map((data) => ({ type: question.type, name: question.name, ttl: 60, data })),
    }
    socket.send(encode(reply as Packet), port, address) // the data are those of their type
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const before = [dns.getServers(), dns.promises.getServers()] as const
  const here = [`127.0.0.1:${socket.address().port}`]
  dns.setServers(here)
  dns.promises.setServers(here)
  // Plugins make resolvers of their own, which know nothing of that.
  const { Resolver } = dns.promises
  class Here extends Resolver {
    constructor(...given: ConstructorParameters<typeof Resolver>) {
      super(...given)
      this.setServers(here)
    }
  }
  Object.assign(dns.promises, { Resolver: Here })
  return {
    async [Symbol.asyncDispose]() {
      dns.setServers(before[0])
      dns.promises.setServers(before[1])
      Object.assign(dns.promises, { Resolver })
      socket.close()
    },
  }
}
