/** Simulated receivers: each a small SMTP server that answers for an address what real servers have answered for theirs, and later sends what they send. */
import { createServer, type Server, type Socket } from 'node:net'

/** What becomes of mail to one address. */
export interface Fate {
  /** Reply to RCPT; undefined: it is taken. */
  readonly rcpt?: string
  /** Reply to the end of the content; undefined: it is taken. */
  readonly dot?: string
  /** Only the first RCPT is answered so. */
  readonly isOnce?: boolean
  /** It was taken, and this follows. */
  readonly later?: (mail: { readonly from: string; readonly to: string; readonly headers: string }) => void
}

/** Some servers on ports of the loopback. */
export interface Receivers extends AsyncDisposable {
  readonly ports: readonly number[]
  /** Messages that were answered 250. */
  readonly taken: number
}

/** @param fateOf by the address, in lower case */
export async function startReceivers(count: number, fateOf: (address: string) => Fate): Promise<Receivers> {
  const sockets = new Set<Socket>()
  const tried = new Set<string>()
  let taken = 0
  const servers: Server[] = []
  for (let n = 0; n < count; n++) {
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
      serve(socket, { fateOf, tried, took: () => void taken++ })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    servers.push(server)
  }
  return {
    ports: servers.map((server) => {
      const address = server.address()
      return typeof address === 'object' && address !== null ? address.port : 0
    }),
    get taken() {
      return taken
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}

interface Serving {
  fateOf(address: string): Fate
  readonly tried: Set<string>
  took(): void
}

function serve(socket: Socket, { fateOf, tried, took }: Serving): void {
  let from = ''
  let to = ''
  let isContent = false
  let text = ''
  const say = (reply: string): void => {
    socket.write(`${reply}\r\n`)
    if (reply.startsWith('221')) socket.end()
  }
  const command = (line: string): string => {
    const verb = line.slice(0, 4).toUpperCase()
    const path = /<([^>]*)>/.exec(line)?.[1]?.toLowerCase() ?? ''
    switch (verb) {
      case 'EHLO':
        return '250-mx.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250 SMTPUTF8'
      case 'MAIL':
        from = path
        to = ''
        return '250 2.1.0 OK'
      case 'RCPT': {
        const { rcpt, isOnce } = fateOf(path)
        if (rcpt === undefined || (isOnce && tried.has(path))) to = path
        tried.add(path)
        return to === path ? '250 2.1.5 OK' : (rcpt ?? '')
      }
      case 'DATA':
        isContent = to !== ''
        return isContent ? '354 Go on' : '554 5.5.1 No valid recipients'
      case 'QUIT':
        return '221 2.0.0 Bye'
      default:
        return '250 2.0.0 OK'
    }
  }
  const content = (message: string): string => {
    const { dot, later } = fateOf(to)
    if (dot !== undefined) return dot
    took()
    later?.({ from, to, headers: message.slice(0, message.indexOf('\r\n\r\n')) })
    return '250 2.0.0 Taken'
  }
  say('220 mx.test ESMTP')
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
    for (;;) {
      const end = text.indexOf(isContent ? '\r\n.\r\n' : '\r\n')
      if (end < 0) return
      const piece = text.slice(0, end)
      text = text.slice(end + (isContent ? 5 : 2))
      const wasContent = isContent
      isContent = false
      say(wasContent ? content(piece) : command(piece))
    }
  })
}
