/** Mailboxes of the servers under test, read from their Maildirs. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** The mails of a mailbox, once there are as many; servers write them with bare line feeds. */
export async function mails(folder: string, count: number): Promise<Buffer[]> {
  const end = performance.now() + 20_000
  for (;;) {
    const names = existsSync(join(folder, 'new')) ? readdirSync(join(folder, 'new')) : []
    if (names.length >= count) return names.map((name) => readFileSync(join(folder, 'new', name)))
    if (performance.now() > end) throw new Error(`${names.length} of ${count} messages arrived`)
    await sleep(50)
  }
}

/** Everything below the trace fields that servers put on top. */
export function content(mail: Buffer): string {
  return mail
    .toString('latin1')
    .replaceAll('\r\n', '\n')
    .replace(
      /^(?:(?:Return-path|X-Original-To|Delivered-To|Envelope-to|Delivery-date|Received):.*\n(?:[ \t].*\n)*)+/i,
      '',
    )
}
