/** What a limit counts by: parts of what is known of a client and its mail. */
import { createHash } from 'node:crypto'
import { networkOf } from '@postroad/options'
import type { Address, Helo, Session } from '@postroad/plugin'

/** What is known at the moment of counting. */
export interface Subject {
  readonly session: Session
  readonly helo: Helo | undefined
  /** Absent before MAIL; null for the null reverse-path. */
  readonly from?: Address | null
  /** Only where recipients are counted. */
  readonly recipient?: Address
}

/** The named parts. */
export const PARTS = [
  'address',
  'network',
  'helo',
  'identity',
  'from',
  'fromDomain',
  'recipient',
  'recipientDomain',
  'listener',
] as const

type NamedPart = (typeof PARTS)[number]
/** A part, or a function of one's own; undefined: the limit does not apply. */
export type KeyPart = NamedPart | ((subject: Subject) => string | undefined)

const READ: Readonly<Record<NamedPart, (subject: Subject) => string | undefined>> = {
  address: ({ session }) => session.remote.address || undefined,
  // Those whom nobody can name are counted as one; a UNIX socket is not.
  network: ({ session: { remote } }) => networkOf(remote.address, { v4: 24, v6: 64 }) ?? (remote.address || undefined),
  helo: ({ helo }) => helo?.name.toLowerCase(),
  identity: ({ session }) => session.identity?.name,
  from: ({ from }) => (from === null ? '<>' : from?.toString().toLowerCase()),
  fromDomain: ({ from }) => (from === null ? '<>' : from?.domain),
  recipient: ({ recipient }) => recipient?.toString().toLowerCase(),
  recipientDomain: ({ recipient }) => recipient?.domain,
  listener: ({ session }) => session.listener,
}

/** What is counted by, part by part; undefined when one is not there. */
export function partsOf(by: readonly KeyPart[], subject: Subject): readonly string[] | undefined {
  const values: string[] = []
  for (const part of by) {
    const value = typeof part === 'function' ? part(subject) : READ[part](subject)
    if (value === undefined) return undefined
    values.push(value)
  }
  return values
}

/** Bounded, whatever a stranger writes; parts cannot run into each other. */
export function keyFor(name: string, values: readonly string[]): string {
  const key = `rate-limit:${name}:${values.map(encodeURIComponent).join(' ')}`
  return key.length <= 500 ? key : `rate-limit:${name}:${createHash('sha256').update(key).digest('hex')}`
}
