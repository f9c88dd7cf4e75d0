/** Mail with files goes in over SMTP, and what the program found out about it comes out over HTTP; many of them cost no memory. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import nodemailer from 'nodemailer'
import { start } from './inbox.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-inbox-'))
after(() => rm(folder, { recursive: true, force: true }))

/** Of a run that is looked at closely: `POSTROAD_MAILS=10000`. */
const MAILS = Number(process.env['POSTROAD_MAILS'] ?? 240)

test(`${MAILS} mails with files: all are listed with the right sums, and the program does not grow`, async () => {
  const options = { domains: ['example.test'], host: '127.0.0.1', port: 0, folder, authentication: false as const }
  await using program = await start(0, { ...options, log: { format: 'silent' } })
  const transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port: program.mail,
    pool: true,
    maxConnections: 8,
    maxMessages: Number.POSITIVE_INFINITY,
    tls: { rejectUnauthorized: false },
  })
  const content = randomBytes(200_000)
  const sha256 = createHash('sha256').update(content).digest('hex')
  const mail = (subject: string) => ({
    from: '"Änn" <ann@sender.test>',
    to: 'bob@example.test',
    subject,
    text: 'See the file.',
    attachments: [{ filename: 'Übersicht.pdf', content }],
  })
  const sizes: number[] = []
  for (let sent = 0; sent < MAILS; sent += 8) {
    await Promise.all(Array.from({ length: 8 }, (_, at) => transport.sendMail(mail(`Nº ${sent + at}`))))
    sizes.push(process.memoryUsage().external + process.memoryUsage().heapUsed)
  }
  transport.close()
  const answer = await fetch(`http://127.0.0.1:${program.web}/mails`)
  const lines = (await answer.json()) as { from: string; subject: string; files: { name: string; sha256: string }[] }[] // of inbox.ts
  assert.equal(lines.length, 100)
  for (const { from, files } of lines) {
    assert.equal(from, 'ann@sender.test')
    assert.deepEqual(files, [{ name: 'Übersicht.pdf', octets: content.length, sha256 }])
  }
  // What is kept at the end is what was kept after the first quarter: the collector runs when it likes, so the lowest of each is compared.
  const quarter = Math.floor(sizes.length / 4)
  const low = (some: readonly number[]): number => Math.min(...some) / 1_048_576
  const grown = low(sizes.slice(-quarter)) - low(sizes.slice(quarter, 2 * quarter))
  assert.ok(grown < 30, `grown by ${grown.toFixed(1)} MiB`)
})
