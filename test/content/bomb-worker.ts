/** Judges messages with the plugins for content, one after the other, in a process that does nothing else: what each has cost is a line of JSON. */
import { readFileSync, writeFileSync } from 'node:fs'
import { contentOf } from '@postroad/content'
import { definePlugin } from '@postroad/plugin'
import { createTestServer, sessionOn, type TestServer } from '@postroad/testing'
import { zip } from '../../plugins/attachments/src/make-archive.test.ts'
import { attached, BOMBS } from './bombs.ts'
import { startContent } from './content-server.ts'

/** Octets that the process has, and has had at most since the mark. */
function memory(): { readonly now: number; readonly most: number } {
  const status = readFileSync('/proc/self/status', 'latin1')
  const of = (name: string): number => 1_024 * Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1])
  return { now: of('VmRSS'), most: of('VmHWM') }
}

/** Judges with these, and says how much of the processor it has had. */
async function judge(server: TestServer, message: Buffer): Promise<{ readonly cpu: number; readonly facts: unknown }> {
  const begun = process.cpuUsage()
  let facts: unknown
  await sessionOn(server)
    .from('203.0.113.7')
    .mail('a@client.test')
    .rcpt('b@mx.test')
    .data(message)
    .expect(({ lines }) => {
      facts = lines.findLast(({ event }) => event === 'transaction')?.['facts']
    })
  const { user, system } = process.cpuUsage(begun)
  return { cpu: (user + system) / 1_000, facts }
}

const only = process.argv[2]
const server = await startContent()
// To take the message, to parse its MIME and to have its text is not the work of content.
const bare = await createTestServer([
  definePlugin({
    name: 'bare',
    hooks: { message: async ({ message }) => void (await contentOf(message))?.text },
  })(),
])
const usual = attached(
  'a.zip',
  zip([
    { name: 'a.txt', data: 'x'.repeat(100_000) },
    { name: 'b.zip', data: zip([{ name: 'c.txt' }]) },
  ]),
)
// What is loaded and compiled once is no message's fault.
for (let n = 0; n < 30; n++) for (const one of [server, bare]) await judge(one, usual)
for (const [name, make] of BOMBS) {
  if (only && !name.includes(only)) continue
  const message = make()
  const floors = [await judge(bare, message), await judge(bare, message)]
  // A thread that the one before has used up is no fault of this one.
  await judge(server, usual)
  globalThis.gc?.()
  writeFileSync('/proc/self/clear_refs', '5')
  const before = memory()
  const first = await judge(server, message)
  const after = memory()
  await judge(server, usual)
  const second = await judge(server, message)
  const floor = Math.min(...floors.map(({ cpu }) => cpu))
  const cost = {
    name,
    octets: message.length,
    cpu: Math.min(first.cpu, second.cpu) - floor,
    floor,
    memory: after.most - before.now,
    facts: first.facts,
  }
  process.stdout.write(`${JSON.stringify(cost)}\n`)
}
await server.close()
await bare.close()
