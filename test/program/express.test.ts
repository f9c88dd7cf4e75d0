/** `receive` in a program of Express, as docs/embed.md says it: one more thing that the program starts and closes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { RequestListener, Server } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { receive } from '@postroad/receive'
import nodemailer from 'nodemailer'

/** As much of Express as stands here; it brings no types. */
interface Application extends RequestListener {
  get(path: string, handler: (request: unknown, response: { json(value: unknown): void }) => void): void
  listen(port: number, host: string): Server
}
const name: string = 'express'

test('what comes by mail is served by Express, and both end', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-express-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const { default: express }: { default: () => Application } = await import(name)
  const subjects: string[] = []
  const app = express()
  app.get('/mails', (_, response) => response.json(subjects))
  const web = app.listen(0, '127.0.0.1')
  t.after(() => web.closeAllConnections())
  await once(web, 'listening')
  const inbox = await receive(
    {
      domains: ['example.test'],
      host: '127.0.0.1',
      port: 0,
      folder,
      authentication: false,
      log: { format: 'silent' },
      listen: { tls: 'none' },
    },
    (mail) => void subjects.push(mail.subject ?? ''),
  )
  const transport = nodemailer.createTransport({ host: '127.0.0.1', port: inbox.port })
  await transport.sendMail({ from: 'ann@sender.test', to: 'bob@example.test', subject: 'Grüße', text: 'x' })
  const address = web.address()
  assert.ok(typeof address === 'object' && address !== null)
  const answer = await fetch(`http://127.0.0.1:${address.port}/mails`)
  assert.deepEqual(await answer.json(), ['Grüße'])
  await inbox.close()
  web.close()
  web.closeAllConnections()
  await once(web, 'close')
})
