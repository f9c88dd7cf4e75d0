/** `npm run console:test -- search`. Mail while somebody searches a million records: how long a message waits for its reply, without and with it. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { SmtpClient } from '../failure/smtp-client.ts'
import { NEEDLE } from './many-records.ts'
import { ask } from './server.ts'

const RECORDS = Number(process.env['POSTROAD_RECORDS'] ?? 1_000_000)
const MESSAGES = 600
const CONNECTIONS = 4
/** Pauses of a client between two messages: it is a server at work, not one at its limit. */
const PAUSE_MS = 10
/** Milliseconds that the slowest message of a hundred may wait longer. */
const MOST_MS = 250

const WORDS = [NEEDLE.from, 'nobody@nowhere.test', 'greylisted invoice', '5xx', `552 ${NEEDLE.domain} quarterly`]

test(`mail goes on while ${RECORDS} records are searched`, { timeout: 600_000 }, async (context) => {
  const child = fork(join(import.meta.dirname, 'search-server.ts'), [String(RECORDS)], {
    execArgv: ['--conditions=@postroad/source', '--no-warnings'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  })
  context.after(() => child.disconnect())
  const [{ port, smtp, token }] = (await once(child, 'message')) as [{ port: number; smtp: number; token: string }]
  await deliver(smtp) // it is warm after these
  const without = await deliver(smtp)
  let isOver = false
  const took: number[] = []
  const searching = (async () => {
    for (let n = 0; !isOver; n++) {
      const begun = performance.now()
      const q = encodeURIComponent(WORDS[n % WORDS.length] ?? '')
      const answer = await ask({ host: '127.0.0.1', port }, 'GET', `/v1/transactions?q=${q}&limit=50`, {
        headers: { authorization: `Bearer ${token}` },
      })
      assert.equal(answer.status, 200)
      took.push(performance.now() - begun)
    }
  })()
  const beside = await deliver(smtp)
  isOver = true
  await searching
  const text = `a message takes p50 ${ms(without, 0.5)} p99 ${ms(without, 0.99)}; while somebody searches p50 ${ms(beside, 0.5)} p99 ${ms(beside, 0.99)}`
  context.diagnostic(`${text}; ${took.length} searches, p50 ${ms(took, 0.5)} p99 ${ms(took, 0.99)}`)
  assert.ok(took.length >= WORDS.length)
  assert.ok(at(beside, 0.99) <= at(without, 0.99) + MOST_MS, text)
})

/** Milliseconds from MAIL to the last reply, of each message. */
async function deliver(port: number): Promise<readonly number[]> {
  const all: number[] = []
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const client = await SmtpClient.connect(port)
      await client.reply()
      await client.send('EHLO client.test')
      for (let n = 0; n < MESSAGES / CONNECTIONS; n++) {
        const begun = performance.now()
        for (const line of ['MAIL FROM:<ann@example.test>', 'RCPT TO:<bob@a.test>', 'DATA']) await client.send(line)
        assert.match(await client.send(`Subject: ${n}\r\n\r\nHello\r\n.`), /^250/)
        all.push(performance.now() - begun)
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      }
      await client.quit()
    }),
  )
  return all.sort((one, other) => one - other)
}

function at(list: readonly number[], share: number): number {
  return list.toSorted((one, other) => one - other)[Math.floor(list.length * share)] ?? Number.NaN
}

function ms(list: readonly number[], share: number): string {
  return `${at(list, share).toFixed(1)} ms`
}
