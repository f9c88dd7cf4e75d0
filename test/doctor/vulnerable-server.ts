/** A mail server with the faults that a doctor has to find, one at a time. It takes whatever it is given, and keeps nothing. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

/** What is wrong with it. */
export interface Faults {
  readonly name?: string
  readonly banner?: string
  readonly keywords?: readonly string[]
  /** It takes recipients elsewhere. */
  readonly relays?: boolean
  /** What ends a message besides CRLF.CRLF. */
  readonly ends?: string
}

/** Listens on the loopback until it is disposed of. */
export async function vulnerableServer(faults: Faults): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
    serve(socket, faults)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function serve(
  socket: Socket,
  { name = 'mx.dane.test', banner = `220 ${name} ESMTP`, keywords = ['STARTTLS'], relays = false, ends }: Faults,
): void {
  let input = ''
  let isData = false
  const say = (text: string): void => void socket.write(`${text}\r\n`)
  const command = (line: string): void => {
    if (/^EHLO/i.test(line))
      say([name, ...keywords].map((word, at) => `250${at === keywords.length ? ' ' : '-'}${word}`).join('\r\n'))
    else if (/^RCPT/i.test(line))
      say(relays || /@dane\.test>/i.test(line) ? '250 2.1.5 Ok' : '550 5.7.1 Relaying denied')
    else if (/^DATA/i.test(line)) {
      isData = true
      say('354 Go on')
    } else say('250 2.0.0 Ok')
  }
  const step = (): boolean => {
    const marks = isData ? ['\r\n.\r\n', ...(ends === undefined ? [] : [ends])] : ['\r\n']
    const found = marks
      .map((mark) => [input.indexOf(mark), mark] as const)
      .filter(([at]) => at >= 0)
      .toSorted(([one], [other]) => one - other)
    const [first] = found
    if (first === undefined) return false
    const [at, mark] = first
    const piece = input.slice(0, at)
    input = input.slice(at + mark.length)
    if (!isData) command(piece)
    else {
      isData = false
      say('250 2.0.0 Taken')
    }
    return true
  }
  say(banner)
  socket.on('data', (data) => {
    input += data.toString('latin1')
    while (step());
  })
}
