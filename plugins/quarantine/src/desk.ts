/** What operators do to the quarantine: behind `postroad quarantine …` and the admin interface alike. */
import type { Lock, QuarantineDesk, QuarantinedMessage, ReleaseOutcome } from '@postroad/plugin'
import type { VaultEntry } from './entry.ts'
import type { QuarantineOptions } from './options.ts'
import { release } from './release.ts'
import type { Kept, Vault } from './vault.ts'

/** What it works on. */
export interface DeskDeps {
  readonly vault: Vault
  readonly options: Pick<QuarantineOptions, 'release'>
  readonly clock: { now(): number }
  readonly lock: Lock
  readonly hostname: string
  readonly digests?: QuarantineDesk['digests']
}

/** Milliseconds a message stays locked after its releaser has died. */
const DEAD = 15_000

const NOWHERE = 'the option "release" does not say where released messages go'
const BUSY = 'somebody else is releasing or deleting it at this moment'

/** The desk of one quarantine. */
export function quarantineDesk(deps: DeskDeps): QuarantineDesk {
  const { vault, lock, options } = deps
  return {
    canRelease: options.release !== undefined,
    async *list(signal) {
      for await (const entry of vault.list(signal)) yield shown(entry)
    },
    async get(id) {
      const kept = await vault.get(id)
      return kept && { entry: shown(kept.entry), message: kept.message }
    },
    async release(id, { to, signal }) {
      // Two operators at once would deliver it twice.
      const done = await lock.tryWith(keyOf(id), DEAD, async (lost) => {
        const kept = await vault.get(id)
        return { outcomes: kept && (await releaseKept(kept, { to, deps, signal: AbortSignal.any([lost, signal]) })) }
      })
      return done ? done.outcomes : [{ to: to?.join(' ') ?? '', released: false, reply: BUSY }]
    },
    // Not while it is being released: what is left of it then would come back.
    delete: async (id, { to } = {}) =>
      (await lock.tryWith(keyOf(id), DEAD, () => (to === undefined ? vault.delete(id) : deleteFor(id, to, deps)))) ??
      false,
    digests: deps.digests,
  }
}

/** As others than this plugin see it. */
export function shown(entry: VaultEntry): QuarantinedMessage {
  const { id, envelope, at, expiresAt, from, recipients, subject, reason, points, size, remote, helo, identity } = entry
  const to = recipients.map(({ address }) => address)
  return {
    id,
    transaction: envelope,
    at,
    until: expiresAt,
    from,
    to,
    subject,
    reason,
    points,
    size,
    remote,
    helo,
    identity,
  }
}

/** The last recipient takes the message along. */
async function deleteFor(id: string, to: readonly string[], { vault, clock }: DeskDeps): Promise<boolean> {
  const kept = await vault.get(id)
  const gone = new Set(to.map((address) => address.toLowerCase()))
  const left = kept?.entry.recipients.filter(({ address }) => !gone.has(address.toLowerCase())) ?? []
  if (kept === undefined || left.length === kept.entry.recipients.length) return false
  if (left.length === 0) return await vault.delete(id)
  await vault.put({ ...kept.entry, recipients: left }, kept.message, clock.now())
  return true
}

function keyOf(id: string): string {
  return `quarantine:${id}`
}

/** Undefined: none of its recipients is meant. */
async function releaseKept(
  { entry, message }: Kept,
  {
    to,
    deps,
    signal,
  }: { readonly to: readonly string[] | undefined; readonly deps: DeskDeps; readonly signal: AbortSignal },
): Promise<readonly ReleaseOutcome[] | undefined> {
  const { vault, hostname, clock, options } = deps
  const wanted = to && new Set(to.map((address) => address.toLowerCase()))
  const recipients = entry.recipients.filter(({ address }) => !wanted || wanted.has(address.toLowerCase()))
  if (recipients.length === 0) return undefined
  if (!options.release) return recipients.map(({ address }) => ({ to: address, released: false, reply: NOWHERE }))
  const outcomes = await release({ entry, message, recipients, target: options.release, hostname, signal })
  const taken = new Set(outcomes.filter(({ isTaken }) => isTaken).map(({ recipient }) => recipient.address))
  const left = entry.recipients.filter(({ address }) => !taken.has(address))
  // Twice is better than never: only what the listener has taken is taken out of here.
  if (left.length === 0) await vault.delete(entry.id)
  else if (taken.size > 0) await vault.put({ ...entry, recipients: left }, message, clock.now())
  return outcomes.map(({ recipient, isTaken, reply }) => ({ to: recipient.address, released: isTaken, reply }))
}
