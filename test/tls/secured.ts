/** STARTTLS with a server on the loopback: what it comes to. */
import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { connect } from 'node:tls'

/** Version, key-exchange group, and the fingerprint of the certificate. */
export async function connection(port: number): Promise<string> {
  const plain = connectPlain(port, '127.0.0.1').setEncoding('latin1')
  await once(plain, 'data')
  plain.write('EHLO client.test\r\n')
  await once(plain, 'data')
  plain.write('STARTTLS\r\n')
  await once(plain, 'data')
  const socket = connect({ socket: plain, servername: 'mx.test', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { name } = socket.getEphemeralKeyInfo() as { readonly name?: string } // missing in the types
  const shown = `${socket.getProtocol()} ${name} ${socket.getPeerX509Certificate()?.fingerprint256}`
  socket.destroy()
  return shown
}
