/** A program of Fastify that takes mail: what arrives is listed over HTTP, and files are measured without being kept. */
import { createHash } from 'node:crypto'
import { type ReceiveOptions, receive } from '@postroad/receive'
import fastify from 'fastify'

/** What is told of a mail. */
interface Line {
  readonly id: string
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  readonly dmarc: string
  readonly files: readonly { readonly name: string; readonly octets: number; readonly sha256: string }[]
}

/** The latest are shown. */
const SHOWN = 100

/** Starts both servers. `http` is a port, as `options.port` is that for mail; 0 takes one that is free. */
export async function start(http: number, options: ReceiveOptions) {
  const lines: Line[] = []
  const web = fastify()
  web.get('/mails', () => lines)
  const inbox = await receive(options, async (mail) => {
    const files = await Promise.all(
      (await mail.attachments()).map(async (file) => {
        const hash = createHash('sha256')
        for await (const chunk of file.read()) hash.update(chunk)
        return { name: file.filename ?? '', octets: file.size, sha256: hash.digest('hex') }
      }),
    )
    const { id, recipients, subject = '', authentication } = mail
    const from = mail.from.map(({ text }) => text).join(', ')
    lines.unshift({
      id,
      from,
      to: recipients.map(String),
      subject,
      dmarc: authentication.dmarc?.result ?? 'none',
      files,
    })
    lines.length = Math.min(lines.length, SHOWN)
  })
  const url = await web.listen({ host: '127.0.0.1', port: http })
  return {
    web: Number(new URL(url).port),
    mail: inbox.port,
    async [Symbol.asyncDispose]() {
      await inbox.close()
      await web.close()
    },
  }
}

if (import.meta.main) {
  const { web, mail } = await start(8080, { domains: ['example.test'], host: '127.0.0.1', port: 2525 })
  console.log(`Mail for anyone@example.test: 127.0.0.1:${mail}. What came: http://127.0.0.1:${web}/mails`)
}
