/** What a standard asks of a server, as a dialogue with the whole engine that shows it. */
import { test } from 'node:test'
import type { ListenOptions } from '@postroad/core'
import { runDialogue } from '@postroad/testing'
import { startServer } from '../dialogues/server.ts'

/** The begin of nearly every dialogue. */
export const HELLO = ['S: 220 *', 'C: EHLO client.test', 'S: 250-*', 'S: 250 HELP']
/** Up to the point where a message may come. */
export const READY = [
  ...HELLO,
  'C: MAIL FROM:<a@client.test>',
  'S: 250 2.1.0 *',
  'C: RCPT TO:<b@mx.test>',
  'S: 250 2.1.5 *',
]

/** Registers a test named by its citation; `lines` are those of a dialogue (`packages/testing` says how they are written). */
export function claim(
  citation: string,
  text: string,
  lines: readonly string[],
  listen: Partial<ListenOptions> = {},
): void {
  test(`${citation}: ${text}`, async () => {
    await using server = await startServer({ limits: { errors: 100 }, ...listen })
    await runDialogue(lines.join('\n'), { port: server.port, timeout: 10_000 })
  })
}
