/**
 * Every `*.smtp` here is a dialogue with the whole engine: as it stands, octet by octet, and with the client's octets cut at every position. A line
 * `# listen {…}` says with which options the listener is made.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ListenOptions } from '@postroad/core'
import { parseDialogue, runDialogue } from '@postroad/testing'
import type { DialogueOptions } from '../../packages/testing/src/dialogue.ts'
import { startServer } from './server.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
/** Connections at the same time. */
const AT_ONCE = 8

for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.smtp'))
  .sort()) {
  const text = readFileSync(`${folder}${file}`, 'utf8')
  test(`dialogue ${file.slice(0, -5)}, at every cut`, async () => {
    const listen: Partial<ListenOptions> = JSON.parse(/^# listen (.*)$/m.exec(text)?.[1] ?? '{}')
    await using server = await startServer(listen)
    const options = { port: server.port, timeout: 10_000 }
    await runDialogue(text, options)
    await runDialogue(text, { ...options, cut: 1 })
    const longest = Math.max(
      ...parseDialogue(text).map(({ kind, text: line }) => (kind === 'client' ? line.length : 0)),
    )
    const cuts = Array.from(
      { length: Math.min(longest, 400) - 1 },
      (_, i): DialogueOptions => ({ ...options, cut: [i + 1] }),
    )
    for (let i = 0; i < cuts.length; i += AT_ONCE)
      await Promise.all(cuts.slice(i, i + AT_ONCE).map((cut) => runDialogue(text, cut)))
  })
}
