/** What takes longer with a real spamd: more messages than children, one that dies meanwhile, users of their own, and lessons. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CommandIo, Spool } from '@postroad/plugin'
import { spamassassin } from '@postroad/spamassassin'
import { spamassassinCommands } from '../../plugins/spamassassin/src/command.ts'
import { requires } from '../runner/requires.ts'
import { GTUBE, ordinary } from './gtube.ts'
import { offer, startScannerServer } from './scanner-server.ts'
import { startSpamd } from './spamd.ts'

const skip = requires('spamassassin', 'spamd', 'spamc')
const isSpam = (n: number): boolean => n % 3 === 0

/** Each offered until there is a final word; those that are spam. */
async function offerAll(port: number, count: number): Promise<{ refused: number[]; deferrals: number }> {
  const refused: number[] = []
  let deferrals = 0
  await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const message = ordinary(isSpam(n) ? GTUBE : 'See you on Monday.', { Subject: `n=${n}` })
      for (;;) {
        const reply = await offer(port, message)
        if (reply.startsWith('250')) return
        if (/^550 5\.7\.1 .*spam/.test(reply)) return void refused.push(n)
        assert.match(reply, /^451 4\.3\.0/)
        deferrals++
        await sleep(200)
      }
    }),
  )
  return { refused: refused.sort((a, b) => a - b), deferrals }
}

/** Nothing is lost, and nothing passes by accident. */
function judge(taken: readonly { readonly text: string }[], refused: readonly number[], count: number): void {
  const arrived = taken.map(({ text }) => Number(/^Subject: n=(\d+)/m.exec(text)?.[1])).sort((a, b) => a - b)
  const all = Array.from({ length: count }, (_, n) => n)
  assert.deepEqual(
    arrived,
    all.filter((n) => !isSpam(n)),
  )
  assert.deepEqual(refused, all.filter(isSpam))
}

test('more messages at once than children: they wait, and none is lost', { skip }, async () => {
  await using spamd = await startSpamd({ children: 1 })
  await using server = await startScannerServer(
    spamassassin({ at: `127.0.0.1:${spamd.port}`, trust: 'verdict', deadline: '300 s', atOnce: 20 }),
  )
  const { refused, deferrals } = await offerAll(server.port, 60)
  judge(server.taken, refused, 60)
  assert.equal(deferrals, 0)
})

test('children that are exhausted for longer than we wait defer mail, and let nothing pass', { skip }, async () => {
  await using spamd = await startSpamd({ children: 1 })
  await using server = await startScannerServer(
    spamassassin({ at: `127.0.0.1:${spamd.port}`, trust: 'verdict', deadline: '3 s', atOnce: 4, pause: '1 s' }),
  )
  // Once each: spamd works on what nobody waits for any more, and how much comes through depends on the machine.
  const replies = await Promise.all(
    Array.from({ length: 30 }, (_, n) =>
      offer(server.port, ordinary(isSpam(n) ? GTUBE : 'Hello', { Subject: `n=${n}` })),
    ),
  )
  for (const [n, reply] of replies.entries())
    assert.match(reply, isSpam(n) ? /^(?:550 5\.7\.1|451 4\.3\.0)/ : /^(?:250|451 4\.3\.0)/)
  assert.ok(replies.some((reply) => reply.startsWith('451')))
  assert.equal(server.taken.length, replies.filter((reply) => reply.startsWith('250')).length)
})

test('a spamd that dies and comes back delays mail, and lets nothing pass', { skip }, async () => {
  await using spamd = await startSpamd()
  await using server = await startScannerServer(
    spamassassin({ at: `127.0.0.1:${spamd.port}`, trust: 'verdict', pause: '1 s' }),
  )
  const dying = (async () => {
    await sleep(1_000)
    await spamd.kill()
    await sleep(500)
    await spamd.start()
  })()
  const { refused } = await offerAll(server.port, 40)
  await dying
  judge(server.taken, refused, 40)
})

test('a spamd that takes too long says so with a code, which is no opinion', { skip }, async () => {
  // Every child is told to give up before it has begun.
  await using spamd = await startSpamd({
    arguments: ['--timeout-child', '1'],
    rules: 'body SLOW /(?:(?:A+)+(?:A+)+)+[XY]$/\nscore SLOW 1',
  })
  await using server = await startScannerServer(spamassassin({ at: `127.0.0.1:${spamd.port}`, trust: 'verdict' }))
  const reply = await offer(server.port, ordinary(`${'A'.repeat(200)}Z`.repeat(50)))
  // How fast it is depends on the machine: an opinion in time is as well.
  assert.match(reply, /^(?:250|451 4\.3\.0)/)
  if (reply.startsWith('451')) assert.match(JSON.stringify(server.lines()), /spamd: 79 EX_TIMEOUT|hung up/)
})

test('what is learned is known to spamd, and without --allow-tell it says what is missing', { skip }, async () => {
  await using spamd = await startSpamd()
  const folder = mkdtempSync(join(tmpdir(), 'pr-learn-'))
  const file = join(folder, 'a.eml')
  writeFileSync(file, ordinary('Buy these excellent watches now, they are cheap and shiny, and you will be happy.'))
  const rows: Readonly<Record<string, unknown>>[] = []
  const io: CommandIo = {
    json: true,
    row: (row) => rows.push(row),
    print: () => undefined,
    signal: new AbortController().signal,
  }
  const spool = { get: async () => undefined } as unknown as Spool // no more is asked
  const at = [{ name: 'x', host: '127.0.0.1', port: spamd.port, tls: false }]
  const commands = spamassassinCommands({ at, deadline: 30_000, spool, user: undefined })
  try {
    for (const lesson of ['spam', 'spam', 'forget', 'ham'])
      assert.equal(await commands['learn']?.run([lesson, file], io), 0, JSON.stringify(rows))
    assert.deepEqual(
      rows.map(({ reply }) => reply),
      ['spam', 'known, or not to be learned', 'forget', 'ham'],
    )
    assert.equal(await commands['status']?.run([], io), 0)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
