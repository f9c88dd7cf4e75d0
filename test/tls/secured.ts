/** STARTTLS with a server on the loopback: what it comes to, and what is said under it. */
import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'

/** Version, key-exchange group, and the fingerprint of the certificate. */
export async function connection(port: number): Promise<string> {
  const socket = await secured(port)
  const { name } = socket.getEphemeralKeyInfo() as { readonly name?: string } // missing in the types
  const shown = `${socket.getProtocol()} ${name} ${socket.getPeerX509Certificate()?.fingerprint256}`
  socket.destroy()
  return shown
}

/** Says these lines under TLS, each after the answer to the one before; the answers. A line may be a message with its dot. */
export async function converse(port: number, lines: readonly string[]): Promise<readonly string[]> {
  const socket = await secured(port)
  const answers: string[] = []
  for (const line of ['EHLO client.test', ...lines, 'QUIT']) {
    socket.write(`${line}\r\n`)
    answers.push(await answer(socket))
  }
  socket.destroy()
  return answers
}

async function secured(port: number): Promise<TLSSocket> {
  const plain = connectPlain(port, '127.0.0.1')
  await answer(plain)
  plain.write('EHLO client.test\r\n')
  await answer(plain)
  plain.write('STARTTLS\r\n')
  await answer(plain)
  const socket = connect({ socket: plain, servername: 'mx.test', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  return socket
}

/** Up to the last line of a reply, which has a space behind its code. */
async function answer(socket: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  while (!/^\d{3} [^\n]*\r\n$/m.test(text)) text += String(((await once(socket, 'data')) as [Buffer])[0])
  return text.trimEnd()
}
