/** kill -9 while senders are told: of every failed recipient they hear once, and together with the others of its message. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const WORKER = fileURLToPath(new URL('notify-worker.ts', import.meta.url))
const MESSAGES = 4
const POINTS = ['commit:written', 'commit:durable', 'claim:durable', 'record:begin', 'record:durable'] as const

/** Runs the worker until it is killed, or everything has ended. */
async function run(folder: string, ...args: readonly (string | number)[]): Promise<'killed' | 'ended'> {
  const child = spawn(process.execPath, ['--conditions=@postroad/source', WORKER, folder, ...args.map(String)], {
    stdio: 'inherit',
  })
  const [code, signal] = await once(child, 'exit')
  assert.ok(signal === 'SIGKILL' || code === 0, `ended with ${code ?? signal}`)
  return signal === 'SIGKILL' ? 'killed' : 'ended'
}

for (const point of POINTS) {
  test(`killed at ${point}: no notification is lost or doubled`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'postroad-notify-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    // All are taken first: the kills are for what follows.
    assert.equal(await run(folder, 'record:begin', 1, MESSAGES), 'killed')
    let kills = 0
    for (const nth of [1, 2, 3, 5, 8, 13]) if ((await run(folder, point, nth)) === 'killed') kills++
    assert.equal(await run(folder, '', 0), 'ended')
    const told = notificationsOf(folder)
    for (let number = 0; number < MESSAGES; number++)
      for (let at = 0; at < 5; at++) assert.equal(told.get(`m${number}@d${at}.test`)?.size, 1, `m${number}@d${at}.test`)
    const mails = new Set([...told.values()].flatMap((ids) => [...ids]))
    t.diagnostic(`${kills} kills, ${told.size} recipients in ${mails.size} notifications`)
  })
}

/** In which notifications a recipient was named. One that arrived twice (RFC 1047) is one. */
function notificationsOf(folder: string): Map<string, Set<string>> {
  const told = new Map<string, Set<string>>()
  for (const line of readFileSync(join(folder, 'told'), 'utf8').trim().split('\n')) {
    const text: string = JSON.parse(line)
    const id = /^Message-ID: <(.*)>\r$/m.exec(text)?.[1] ?? ''
    for (const [, address = ''] of text.matchAll(/^Final-Recipient: rfc822; (.*)\r$/gm))
      told.set(address, (told.get(address) ?? new Set()).add(id))
  }
  return told
}
