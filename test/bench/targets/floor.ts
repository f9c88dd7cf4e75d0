/** The least a Node process can do for an SMTP dialogue: no state but DATA, no checks. Not a server to use. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { Target } from '../target.ts'

const END = Buffer.from('\r\n.\r\n')
const EHLO = '250-floor\r\n250-PIPELINING\r\n250 8BITMIME\r\n'
const OK = '250 2.0.0 Ok\r\n'

export const target: Target = {
  title: 'bare node:net responder: the floor of every ratio',
  async start({ port }) {
    const counter = { received: 0 }
    const server = createServer({ noDelay: true }, (socket) => respond(socket, counter)).listen({
      port,
      host: '127.0.0.1',
      backlog: 1024,
    })
    await once(server, 'listening')
    return { close: () => void server.close(), received: () => counter.received }
  },
}

/** Answers every command as if all were well, and looks for the end of data. */
function respond(socket: Socket, counter: { received: number }): void {
  let isData = false
  let tail: Buffer = Buffer.alloc(0)
  let line = ''
  const command = (): boolean => {
    switch (line.charCodeAt(0) | 32) {
      case 0x65: // ehlo
        socket.write(EHLO)
        break
      case 0x64: // data
        socket.write('354 go\r\n')
        isData = true
        tail = Buffer.from('\r\n')
        break
      case 0x71: // quit
        socket.end('221 2.0.0 Bye\r\n')
        return false
      default:
        socket.write(OK)
    }
    line = ''
    return true
  }
  socket.write('220 floor ESMTP\r\n')
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => {
    let rest: Buffer = chunk
    while (rest.length > 0) {
      if (isData) {
        const seen = tail.length > 0 ? Buffer.concat([tail, rest]) : rest
        const end = seen.indexOf(END)
        if (end < 0) {
          tail = seen.subarray(Math.max(0, seen.length - 4))
          return
        }
        isData = false
        counter.received++
        rest = seen.subarray(end + END.length)
        socket.write(OK)
        continue
      }
      const end = rest.indexOf(10)
      if (end < 0) {
        line += rest.toString('latin1')
        return
      }
      line += rest.toString('latin1', 0, end)
      rest = rest.subarray(end + 1)
      if (!command()) return
    }
  })
}
