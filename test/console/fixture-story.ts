/** Stories and rights of the fixture server. */
import { calls } from '@postroad/admin-api/zod'
import type { Base } from './fixture-answers.ts'
import { sentenceOf, type transaction } from './fixture-mail.ts'

const OPERATE = new Set([
  'queueAction',
  'suspend',
  'resume',
  'stopJob',
  'quarantineText',
  'quarantineHtml',
  'quarantineRaw',
  'release',
  'deleteKept',
  'learn',
  'quarantineAction',
  'try',
  'body',
])
const UNKNOWN = new Set(['config', 'audit', 'logout', 'quarantineRaw', 'try', 'learn', 'digest'])

/** Names of the calls that a role may make. */
export function mayOf(role: 'read' | 'operate'): string[] {
  return Object.entries(calls).flatMap(([name, { access }]) =>
    access === 'admin' || UNKNOWN.has(name) || (role === 'read' && (access === 'operate' || OPERATE.has(name)))
      ? []
      : [name],
  )
}

/** What became of a mail: what was deferred comes again and is delivered. */
export function storyOf(
  base: Base,
  { row, record }: ReturnType<typeof transaction>,
  rows: readonly ReturnType<typeof transaction>[],
): unknown {
  const later = row.outcome === 'deferred' ? rows.find((other) => other.row.outcome === 'accepted')?.row : undefined
  const steps: unknown[] = [
    {
      at: row.at,
      kind: 'transaction',
      sentence: [
        { kind: 'code', text: row.remote },
        { kind: 'text', text: row.helo === undefined ? ' connected.' : ` connected as ${row.helo}.` },
      ],
      transaction: row.id,
      reply: row.reply,
    },
  ]
  if (later !== undefined) {
    const at = row.at + 312_000
    steps.push(
      {
        at,
        kind: 'transaction',
        sentence: [
          { kind: 'code', text: '192.0.2.45' },
          { kind: 'text', text: ' came again, another host of the same /24.' },
        ],
        transaction: later.id,
        reply: later.reply,
      },
      {
        at: at + 800,
        kind: 'delivered',
        sentence: [
          { kind: 'text', text: 'Delivered to ' },
          { kind: 'address', text: row.to[0] ?? '' },
        ],
        reply: '250 2.0.0 Saved',
        host: '127.0.0.1:24',
      },
    )
  } else if (record.receipt !== undefined)
    steps.push({
      at: row.at + 800,
      kind: 'delivered',
      sentence: [
        { kind: 'text', text: 'Delivered to ' },
        { kind: 'address', text: row.to[0] ?? '' },
      ],
      reply: '250 2.0.0 Saved',
      host: '127.0.0.1:24',
    })
  const sentence =
    later === undefined
      ? sentenceOf(row)
      : [
          ...sentenceOf(row).slice(0, -1),
          { kind: 'text', text: ', because this network had never written to ' },
          { kind: 'address', text: row.to[0] ?? '' },
          { kind: 'text', text: ' from this sender. It came back ' },
          { kind: 'duration', ms: 312_000 },
          { kind: 'text', text: ' later, as mail servers do, and was accepted; delivered ' },
          { kind: 'duration', ms: 800 },
          { kind: 'text', text: ' after that.' },
        ]
  return {
    ...base,
    id: row.id,
    sentence,
    steps,
    transactions: later === undefined ? [row] : [row, { ...later, at: row.at + 312_000 }],
    finished: true,
  }
}
