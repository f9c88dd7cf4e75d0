/** Stock smtp-server with a certificate: accepts and discards. */
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server'
import { CERTIFICATE } from '../../conformance/certificate.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'stock smtp-server with a certificate: accept and discard',
  async start({ port }) {
    const server = new SMTPServer({
      logger: false,
      ...CERTIFICATE,
      disabledCommands: ['AUTH'],
      authOptional: true,
      disableReverseLookup: true,
      size: 64 * 1024 * 1024,
      maxClients: Number.POSITIVE_INFINITY,
      onData(stream: SMTPServerDataStream, _session, done) {
        stream.on('end', () => done())
        stream.resume()
      },
    })
    server.on('error', () => undefined)
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()))
    return { close: () => void server.close(() => undefined) }
  },
}
