/** Fills a disk, and uses the queue on it as an operator and a server do; run by full-queue.test.ts on a small file system of its own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openLmdbStore } from '@postroad/embedded'
import { makeAddress } from '@postroad/mail'
import { planMessage } from '../../packages/queue/src/plan.ts'
import { collect } from '../cli/operator.ts'
import { pause } from './world.ts'

const [, , disk = '', mail = ''] = process.argv
const bin = fileURLToPath(new URL('../../packages/cli/src/bin.ts', import.meta.url))
const config = fileURLToPath(new URL('../../examples/quickstart/postroad.config.ts', import.meta.url))
const env = { ...process.env, POSTROAD_PORT: '0', POSTROAD_FOLDER: join(disk, 'var'), POSTROAD_MAIL: mail }
const MESSAGES = 60

/** Messages for Maildirs, due at once; their ids. */
async function queueSome(): Promise<string[]> {
  const store = await openLmdbStore({ folder: join(disk, 'var', 'queue'), minFreeBytes: 0 })
  const ids: string[] = []
  for (let count = 0; count < MESSAGES; count++) {
    const route = { via: 'maildir' }
    const deliveries = [
      { route, recipients: [{ address: makeAddress('alice', 'postroad.test'), parameters: {}, route }] },
    ]
    const octets = Buffer.from(`Subject: m${count}\r\n\r\n${'x'.repeat(count % 10 === 0 ? 100_000 : 10_000)}\r\n`)
    const options = {
      from: makeAddress('a', 'client.test'),
      parameters: {},
      deliveries,
      size: octets.length,
      now: Date.now(),
    }
    const message = planMessage(options, { maxRecipients: 100 })
    const source = { size: octets.length, raw: () => [octets].values() as never, chunks: () => [octets] } // what is read is `chunks`
    await store.release(await store.add(message, source), { kind: 'scheduled', at: 0 })
    ids.push(message.id)
  }
  await store.close()
  return ids
}

/** Until not one octet is free. */
function fill(): void {
  const file = openSync(join(disk, 'ballast'), 'a')
  for (let size = 65_536; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) writeSync(file, Buffer.alloc(size))
    } catch {
      // No room for so many: the next are fewer.
    }
  }
  closeSync(file)
  assert.equal(statfsSync(disk).bavail, 0)
}

async function command(...args: string[]): Promise<string> {
  const child = spawn(process.execPath, ['--conditions=@postroad/source', bin, 'queue', ...args, '--config', config], {
    env,
  })
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  const [code] = (await once(child, 'close')) as [number | null]
  assert.equal(code, 0, `${args.join(' ')}: ${out()}${err()}`)
  return out()
}

const ids = await queueSome()
fill()
assert.equal((await command('list')).trim().split('\n').length >= MESSAGES, true)
assert.match(await command('show', ids[0] ?? ''), /alice@postroad\.test/)
await command('hold', ids[1] ?? '')
fill()
await command('delete', ids[1] ?? '', ids[20] ?? '')
fill()
const server = spawn(process.execPath, ['--conditions=@postroad/source', bin, 'start', config], { env })
const [out, err] = [collect(server.stdout), collect(server.stderr)]
const inbox = join(mail, 'alice', 'new')
const arrived = (): number => {
  try {
    return readdirSync(inbox).length
  } catch {
    return 0
  }
}
for (const end = performance.now() + 60_000; arrived() < MESSAGES - 2; await pause(100))
  assert.ok(performance.now() < end && server.exitCode === null, `${arrived()} arrived\n${out()}${err()}`)
server.kill('SIGTERM')
await once(server, 'close')
assert.equal(arrived(), MESSAGES - 2)
