/** One query to one server and its reply: over UDP, or over TCP when that was too long for UDP. */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { type DnsReply, type Query, readReply } from './packet.ts'
import type { DnsServer } from './servers.ts'

/** How a query gets to a server. Rejects when it cannot be sent, and with the signal's reason when that aborts. */
export type DnsExchange = (
  server: DnsServer,
  query: Query,
  transport: 'udp' | 'tcp',
  signal: AbortSignal,
) => Promise<DnsReply>

/** The real thing. */
export const exchange: DnsExchange = (server, query, transport, signal) =>
  transport === 'udp' ? overUdp(server, query, signal) : overTcp(server, query, signal)

/** RFC 5452 §9.2: a fresh socket for each query has a fresh, unpredictable port; connected, it hears this server only. */
function overUdp(server: DnsServer, query: Query, signal: AbortSignal): Promise<DnsReply> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(server.address.includes(':') ? 'udp6' : 'udp4')
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', abort)
      socket.removeAllListeners('message').close()
      settle()
    }
    const abort = () => finish(() => reject(signal.reason))
    signal.addEventListener('abort', abort)
    socket.once('error', (error) => finish(() => reject(error)))
    socket.on('message', (bytes) => {
      // What is not the reply may be a forgery: go on listening, RFC 5452 §9.1.
      const reply = readReply(query, bytes)
      if (reply !== undefined) finish(() => resolve(reply))
    })
    socket.connect(server.port, server.address, () => {
      if (!signal.aborted) socket.send(query.bytes)
    })
  })
}

/** RFC 7766 §8: each message goes after its length in two octets. */
function overTcp(server: DnsServer, query: Query, signal: AbortSignal): Promise<DnsReply> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server.address, port: server.port, noDelay: true })
    let received: Buffer = Buffer.alloc(0)
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', abort)
      socket.destroy()
      settle()
    }
    const abort = () => finish(() => reject(signal.reason))
    signal.addEventListener('abort', abort)
    const length = Buffer.alloc(2)
    length.writeUInt16BE(query.bytes.length)
    socket.write(Buffer.concat([length, query.bytes]))
    socket.once('error', (error) => finish(() => reject(error)))
    socket.once('close', () => finish(() => reject(new Error('the server closed the connection'))))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      const reply = readReply(query, received.subarray(2, 2 + received.readUInt16BE(0)))
      finish(() => (reply === undefined ? reject(new Error('not the reply to the query')) : resolve(reply)))
    })
  })
}
