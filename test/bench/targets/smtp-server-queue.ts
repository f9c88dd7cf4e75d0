/** The durable queue anybody would write first: one fsynced file a message, 250, nodemailer's pool, unlink. */
import { mkdirSync } from 'node:fs'
import { open, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'stock smtp-server, one fsynced file, nodemailer’s pool: queue durably, then deliver to the sink',
  async start({ port, sinkPort, folder }) {
    const queue = join(folder, 'queue')
    mkdirSync(queue)
    const next = createTransport({
      pool: true,
      maxConnections: 20,
      maxMessages: Number.POSITIVE_INFINITY,
      host: '127.0.0.1',
      port: sinkPort,
      ignoreTLS: true,
    })
    let number = 0
    const store = async (stream: SMTPServerDataStream): Promise<string> => {
      const file = join(queue, `${++number}`)
      const handle = await open(`${file}.new`, 'wx')
      try {
        for await (const chunk of stream) await handle.write(chunk)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(`${file}.new`, file)
      return file
    }
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
        const carry = async () => {
          const file = await store(stream)
          done()
          await next.sendMail({ envelope: { from, to }, raw: await readFile(file) })
          await unlink(file)
        }
        carry().catch((error: Error) => done(error))
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
