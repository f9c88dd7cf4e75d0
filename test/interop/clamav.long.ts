/** What takes longer with a real clamd: all kinds of archives, many messages at once, and a clamd that reloads or dies meanwhile. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { clamav } from '@postroad/clamav'
import { clamavCommands } from '../../plugins/clamav/src/command.ts'
import { requires } from '../runner/requires.ts'
import { startClamd } from './clamd.ts'
import { EICAR } from './eicar.ts'
import { carrying, offer, startScannerServer } from './scanner-server.ts'

const skip = requires('clamav-daemon', 'clamav-testfiles')
const SAMPLES = '/usr/share/clamav-testfiles'
/** Packers of programs that need signatures of their own, and an archive of what clamd's own tests look for by another name. */
const NOT_BY_DIGEST = new Set(['clam_cache_emax.tgz'])

/** The n-th of many: every fourth carries a virus. */
function nth(n: number): { readonly message: Buffer; readonly isInfected: boolean } {
  const isInfected = n % 4 === 0
  const filler = Buffer.alloc(2_000 + (n % 7) * 40_000, `${n} `)
  return { message: carrying('a.bin', isInfected ? EICAR : filler, `n=${n}`), isInfected }
}

/** Each offered until there is a final word. */
async function offerAll(port: number, count: number): Promise<{ refused: number[]; deferrals: number }> {
  const refused: number[] = []
  let deferrals = 0
  await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const { message } = nth(n)
      for (;;) {
        const reply = await offer(port, message)
        if (reply.startsWith('250')) return
        if (/^550 5\.7\.1 .*virus/.test(reply)) return void refused.push(n)
        assert.match(reply, /^451 4\.3\.0/)
        deferrals++
        await sleep(100)
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
    all.filter((n) => !nth(n).isInfected),
  )
  assert.deepEqual(
    refused,
    all.filter((n) => nth(n).isInfected),
  )
}

test('what is in the archives and documents of ClamAV itself is found', { skip }, async () => {
  await using clamd = await startClamd({ StreamMaxLength: '10M' })
  await using server = await startScannerServer(clamav({ at: clamd.path }))
  const missed: string[] = []
  for (const name of readdirSync(SAMPLES).filter((file) => file.startsWith('clam') && !NOT_BY_DIGEST.has(file))) {
    const reply = await offer(server.port, carrying(name, readFileSync(join(SAMPLES, name))))
    if (!/^550 5\.7\.1/.test(reply)) missed.push(`${name}: ${reply}`)
  }
  assert.deepEqual(missed, [])
})

for (const overlap of [0, 100])
  test(`200 messages at once, ${overlap} of them sent while they arrive`, { skip }, async () => {
    await using clamd = await startClamd()
    await using server = await startScannerServer(clamav({ at: `127.0.0.1:${clamd.port}`, overlap }))
    const { refused, deferrals } = await offerAll(server.port, 200)
    judge(server.taken, refused, 200)
    assert.equal(deferrals, 0)
  })

test('a clamd that reloads its signatures again and again loses nothing', { skip }, async () => {
  await using clamd = await startClamd()
  await using server = await startScannerServer(clamav({ at: `127.0.0.1:${clamd.port}` }))
  let isOver = false
  const reloads = (async () => {
    while (!isOver) {
      assert.equal(await clamd.ask('RELOAD'), 'RELOADING')
      await sleep(200)
    }
  })()
  const { refused } = await offerAll(server.port, 200).finally(() => (isOver = true))
  await reloads
  judge(server.taken, refused, 200)
})

test('a clamd that dies again and again delays mail, and lets nothing pass', { skip }, async () => {
  await using clamd = await startClamd()
  await using server = await startScannerServer(clamav({ at: clamd.path, pause: '200 ms' }))
  const dying = (async () => {
    for (let i = 0; i < 4; i++) {
      await sleep(300)
      await clamd.kill()
      await sleep(300)
      await clamd.start()
    }
  })()
  const { refused, deferrals } = await offerAll(server.port, 200)
  await dying
  judge(server.taken, refused, 200)
  assert.ok(deferrals > 0, 'it was dead while there was mail')
})

test('of two, one that dies delays nothing', { skip }, async () => {
  await using first = await startClamd()
  await using second = await startClamd()
  await using server = await startScannerServer(
    clamav({ at: [first, second].map(({ port }) => `127.0.0.1:${port}`), deadline: '120 s' }),
  )
  const killed = sleep(300).then(() => first.kill())
  const { refused, deferrals } = await offerAll(server.port, 200)
  await killed
  judge(server.taken, refused, 200)
  assert.equal(deferrals, 0)
})

test('`clamav status` tells whether clamd says when it has not looked at all of a file', { skip }, async () => {
  for (const setting of ['yes', 'no']) {
    await using clamd = await startClamd({ AlertExceedsMax: setting })
    const rows: Readonly<Record<string, unknown>>[] = []
    const commands = clamavCommands({
      at: [{ name: 'x', host: '127.0.0.1', port: clamd.port, tls: false }],
      deadline: 20_000,
    })
    const io = {
      json: true,
      row: (row: object) => void rows.push({ ...row }),
      print: () => undefined,
      signal: new AbortController().signal,
    }
    assert.equal(await commands['status']?.run([], io), setting === 'yes' ? 0 : 69)
    assert.match(String(rows[0]?.['limits']), setting === 'yes' ? /^said$/ : /AlertExceedsMax yes/)
    assert.match(String(rows[0]?.['virus']), /Eicar-Test/)
  }
})
