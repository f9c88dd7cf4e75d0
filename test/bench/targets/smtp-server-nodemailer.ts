/** The glue anybody would write first: stock smtp-server in front, nodemailer's pool behind; 250 when the sink has said it. */
import { createTransport } from 'nodemailer'
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'stock smtp-server and nodemailer’s pool: pass on to the sink',
  async start({ port, sinkPort }) {
    const next = createTransport({
      pool: true,
      maxConnections: 20,
      maxMessages: Number.POSITIVE_INFINITY,
      host: '127.0.0.1',
      port: sinkPort,
      ignoreTLS: true,
    })
    const server = new SMTPServer({
      logger: false,
      disabledCommands: ['STARTTLS', 'AUTH'],
      authOptional: true,
      disableReverseLookup: true,
      size: 64 * 1024 * 1024,
      maxClients: Number.POSITIVE_INFINITY,
      onData(stream: SMTPServerDataStream, { envelope }, done) {
        const from = envelope.mailFrom ? envelope.mailFrom.address : ''
        const to = envelope.rcptTo.map(({ address }) => address)
        next.sendMail({ envelope: { from, to }, raw: stream }).then(
          () => done(),
          (error: Error) => {
            stream.resume()
            done(Object.assign(error, { responseCode: 451 }))
          },
        )
      },
    })
    server.on('error', () => undefined)
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()))
    return {
      close: () => {
        next.close()
        server.close(() => undefined)
      },
    }
  },
}
