/** A process of clients that ask for events and never read more than the first octets: `slow-readers.ts PORT COUNT TOKEN`. Tells its parent how many are open. */
import { connect, type Socket } from 'node:net'

const [port, count = 0, token] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]]
/** Connections that are made at the same time. */
const AT_ONCE = 100
const sockets: Socket[] = []
let closed = 0

function open(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port })
    sockets.push(socket)
    socket.once('error', reject).once('close', () => {
      closed++
      reject(new Error('closed'))
    })
    socket.once('data', () => {
      socket.pause()
      resolve()
    })
    socket.write(
      `GET /v1/events?only=end,hook,open HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    )
  })
}

for (let made = 0; made < count; made += AT_ONCE)
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - made) }, open))
process.send?.({ open: sockets.length - closed })
process.on('disconnect', () => process.exit())
