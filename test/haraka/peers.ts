/**
 * What plugins ask: real Redis, clamd, spamd and rspamd of Debian, and stand-ins for what is sold, gone or large (AVG, ESET, DCC, Message Sniffer, p0f, qmail-deliverabled,
 * Elasticsearch, an LDAP directory). A stand-in says what the real one says in that case, and no more.
 */
import { once } from 'node:events'
import { createServer as createHttp, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'

/** A peer on loopback. */
export interface Peer extends AsyncDisposable {
  readonly port: number
  /** What it was asked. */
  readonly heard: string[]
}

/** A peer that is spoken to over TCP, or a UNIX socket at `path`. */
export async function listening(talk: (socket: Socket, heard: string[]) => void, path?: string): Promise<Peer> {
  const heard: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    talk(socket, heard)
  })
  return peer(server, heard, path)
}

/** A peer that answers HTTP. */
export async function answering(
  answer: (request: IncomingMessage, body: string) => { readonly status?: number; readonly body: string },
): Promise<Peer> {
  const heard: string[] = []
  const server = createHttp(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    heard.push(`${request.method} ${request.url} ${body}`)
    const { status = 200, body: said } = answer(request, body)
    response.writeHead(status, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' }).end(said)
  })
  return peer(server, heard)
}

async function peer(server: Server, heard: string[], path?: string): Promise<Peer> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket.once('close', () => sockets.delete(socket))))
  if (path === undefined) server.listen(0, '127.0.0.1')
  else server.listen(path)
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'string' ? 0 : ((address as AddressInfo).port ?? 0), // it listens
    heard,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** AVG's daemon: a virus where the file has EICAR in it. */
export const avg = (socket: Socket): void => {
  socket.write('220 AVG daemon mode scanner\r\n')
  socket.on('data', (data) => {
    const line = data.toString()
    if (/^SCAN/i.test(line)) socket.write('403 File is infected: EICAR_Test\r\n')
    else if (/^QUIT/i.test(line)) socket.end('220 bye\r\n')
    else socket.write('200 ok\r\n')
  })
}

/** dccifd: a header with the counts, and a disposition. */
export const dcc = (socket: Socket, heard: string[]): void => {
  socket.on('data', (data) => void heard.push(data.toString()))
  socket.on('end', () => socket.end('R\nR\nX-DCC-test-Metrics: mx.test 1; bulk Body=many\n'))
}

/** Message Sniffer: reputation of an address, and the code of a message. */
export const sniffer = (socket: Socket, heard: string[]): void => {
  socket.on('data', (data) => {
    heard.push(data.toString())
    const answer = /gbudb/.test(data.toString())
      ? "<snf><xci><gbudb><result ip='66.128.51.165' type='ugly' p='0' c='0' b='1' g='0' range='black' code='0'/></gbudb></xci></snf>"
      : "<snf><xci><scanner><result code='52'><log><s u='x' r='52'/></log></result></scanner></xci></snf>"
    socket.end(answer)
  })
}

/** p0f 3: its answer for any address is Linux, three hops away. */
export const p0f = (socket: Socket): void => {
  socket.on('data', () => {
    const answer = Buffer.alloc(232)
    answer.writeUInt32LE(0x50304602, 0)
    answer.writeUInt32LE(0x10, 4)
    answer.writeUInt32LE(1, 8)
    answer.writeUInt32LE(1, 12)
    answer.writeUInt32LE(1, 16)
    answer.writeInt16LE(3, 34)
    answer.write('Linux', 40)
    answer.write('5.x', 72)
    socket.write(answer)
  })
}

/** A directory that is down: it takes connections and closes them. */
export const gone = (socket: Socket): void => void socket.destroy()
