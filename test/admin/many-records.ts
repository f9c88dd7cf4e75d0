/** Records of weeks, as several workers would have kept them: what a search is measured on. */
import { mkdir } from 'node:fs/promises'
import { outcomeOf, type StoredRecord } from '@postroad/records'
import { RecordWriter } from '../../packages/records/src/store/writer.ts'

/** Workers whose segments stand beside each other. */
const WORKERS = 4
const DAYS = 7
const DAY = 86_400_000
const SEGMENT = 64 * 1_048_576
/** Records that are handed over at once. */
const BATCH = 2_000

/** What stands once among them, some days back, and how it can be asked for. */
export const NEEDLE = {
  id: 'NEEDLE-1.1',
  from: 'needle@haystack.test',
  domain: 'haystack.test',
  remote: '203.0.113.77',
  messageId: 'the-one@haystack.test',
  subject: 'Quarterly zeppelin inventory',
  reply: 'Mailbox zeppelins exceeded',
  plugin: 'zeppelin',
} as const

/** When the needle was, of as many records that end at `now`; in milliseconds since the epoch. */
export function needleTime(count: number, now: number): number {
  return timeAt(Math.floor(count / 3), { count, now })
}

function timeAt(at: number, { count, now }: { readonly count: number; readonly now: number }): number {
  return now - DAYS * DAY + Math.floor((at * DAYS * DAY) / count)
}

/** Writes `count` records that end at `now` into the folder, with the needle two thirds of the way. */
export async function writeRecords(folder: string, { count, now }: { readonly count: number; readonly now: number }) {
  await mkdir(folder, { recursive: true })
  let clock = now - DAYS * DAY
  const writers = Array.from(
    { length: WORKERS },
    () =>
      new RecordWriter({
        folder,
        segment: () => SEGMENT,
        log: { warn: (fields, text) => process.stderr.write(`${text} ${String(fields)}\n`) },
        now: () => clock,
        onSegment: () => undefined,
      }),
  )
  const needleAt = Math.floor(count / 3)
  for (let at = 0; at < count; ) {
    const end = Math.min(at + BATCH, count)
    for (; at < end; at++) {
      clock = timeAt(at, { count, now })
      const one = at === needleAt ? needle(clock) : record(at, clock)
      writers[at % WORKERS]?.add(one, { line: `${JSON.stringify(one)}\n` }, outcomeOf(one))
    }
    await Promise.all(writers.map((writer) => writer.flush()))
  }
  await Promise.all(writers.map((writer) => writer.close()))
}

const WORDS = 'invoice lunch meeting report offer order ticket news friday monday budget photos reminder delivery status update welcome password account holiday'.split(' ') // biome-ignore format: a list
const REFUSED = ['550 5.1.1 No such user here', '451 4.7.1 Greylisted, try again in 5 minutes', '554 5.7.1 Blocked by zen.spamhaus.test'] // biome-ignore format: a list

function word(n: number): string {
  return WORDS[n % WORDS.length] ?? ''
}

/** Of ten: six accepted, three turned away, one of a delivery. */
function record(n: number, at: number): StoredRecord {
  const id = `${n.toString(36).toUpperCase().padStart(8, 'A')}.1`
  const time = new Date(at).toISOString()
  const from = `user${(n * 7_919) % 50_000}@sender${(n * 31) % 20_000}.test`
  const to = [`box${(n * 13) % 3_000}@mx${n % 40}.test`]
  if (n % 10 === 9) return { time, event: 'delivered', id: `q-${id.toLowerCase()}`, transaction: id, from, to, via: 'smtp', attempt: 1, host: `mx${n % 400}.next.test`, ms: 300, reply: '250 2.0.0 Ok' } // biome-ignore format: one line a record
  const isRefused = n % 10 >= 6
  const reply = isRefused ? (REFUSED[n % 3] ?? '') : `250 2.0.0 Ok: ${id} queued as q-${id.toLowerCase()}`
  const plugin = n % 3 === 0 ? 'recipients' : n % 3 === 1 ? 'greylist' : 'dnsbl'
  return {
    time,
    event: 'transaction',
    id,
    listener: 'mx',
    remote: `10.${(n >> 14) & 255}.${(n >> 6) & 255}.${n & 63}`,
    port: 40_000,
    helo: `mail.sender${(n * 31) % 20_000}.test`,
    tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', group: 'X25519MLKEM768' },
    from,
    to: isRefused ? [] : to,
    ...(isRefused && { refused: [{ to: to[0] ?? '', plugin, reply }] }),
    ...(!isRefused && {
      messageId: `${n.toString(16)}.${n * 17}@sender${(n * 31) % 20_000}.test`,
      subject: `${word(n)} ${word(n * 7 + 3)} ${n % 10_000}`,
      queue: 'queue',
      receipt: `q-${id.toLowerCase()}`,
    }),
    size: 3_000 + (n % 90_000),
    points: n % 7,
    opinions: [
      { plugin: 'spf', hook: 'mail', kind: 'facts' },
      ...(isRefused ? [{ plugin, hook: 'rcpt', kind: n % 3 === 1 ? 'defer' : 'reject', to: to[0] ?? '', status: reply.slice(4, 9), text: reply.slice(10) }] : [{ plugin: 'rspamd', hook: 'message', kind: 'points', points: n % 7, reason: 'symbols' }]), // biome-ignore format: two shapes
    ] as NonNullable<StoredRecord['opinions']>,
    plugins: { spf: 1.5, dnsbl: 2, greylist: 0.3, recipients: 0.1, dkim: 2.5, dmarc: 0.2, rspamd: 30 },
    ms: 40 + (n % 200),
    reply,
  }
}

function needle(at: number): StoredRecord {
  const { id, from, remote, messageId, subject, reply, plugin } = NEEDLE
  return {
    ...record(0, at),
    id,
    from,
    remote,
    messageId,
    subject,
    receipt: 'q-needle-1.1',
    opinions: [{ plugin, hook: 'message', kind: 'reject', text: reply }],
    plugins: { [plugin]: 4 },
    reply: `552 5.2.2 ${reply}`,
  }
}
