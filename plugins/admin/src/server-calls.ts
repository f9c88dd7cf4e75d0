/** Calls about the server itself. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { ApiShape } from '@postroad/admin-api'
import { calls } from '@postroad/admin-api/zod'
import { type Host, QuarantineDesk } from '@postroad/plugin'
import type { MailRecords } from '@postroad/records'
import type { AskedCall, CallHandlers } from './answer.ts'
import type { AuditLog } from './audit.ts'
import type { Circle } from './circle.ts'
import { queueDesks } from './queue-calls.ts'
import { ownWorker } from './worker.ts'

/** What they work on. */
export interface ServerDeps {
  readonly host: Host
  readonly hostname: string
  readonly version: string
  readonly audit: AuditLog
  readonly records: MailRecords
  circle(): Circle
  /** Names of calls that are answered. */
  can(): ReadonlySet<string>
  /** When this generation began. */
  readonly since: number
}

/** What a worker says of itself to the others. */
export interface WorkerNumbers {
  readonly worker: ApiShape<'worker'>
  readonly connections: Readonly<Record<string, number>>
}

/** Of this worker. */
export function workerNumbers(host: Host): WorkerNumbers {
  const connections = Object.fromEntries(host.connections())
  const open = Object.values(connections).reduce((sum, count) => sum + count, 0)
  return { worker: ownWorker(host.generation, open), connections }
}

/** The handlers, and what `status` answers, for the stream of events. */
export function serverCalls(deps: ServerDeps) {
  const { host, audit, circle } = deps
  const numbers = shared(() => circle().ask(workerNumbers(host), '/worker'))
  const status = async (context: AskedCall<'status'>['context']) => {
    const [{ all, workers }, counts] = await Promise.all([numbers(), countsOf(deps, context.signal)])
    const roles = context.caller?.roles ?? []
    return {
      hostname: deps.hostname,
      version: deps.version,
      time: context.now(),
      since: Math.min(...all.map(({ worker }) => worker.since)),
      processes: all.map(({ worker }) => worker).toSorted((a, b) => a.id - b.id),
      counts,
      caller: { name: context.caller?.name ?? '', roles: [...roles] },
      can: [...deps.can()].filter((name) => {
        const { access } = calls[name as keyof typeof calls] // names of the table
        return access === 'public' || roles.includes(access)
      }),
      workers,
    }
  }
  const handlers: CallHandlers = {
    status: ({ context }) => status(context),
    explain: () => ({ scopes: host.explain() as never }), // by the schema of the call, which its test holds against the core
    async listeners() {
      const { all, workers } = await numbers()
      return { listeners: await Promise.all(listenersOf(host).map((one) => shownListener(one, all))), workers }
    },
    async config() {
      const [settings, findings] = await Promise.all([host.settings(), host.inspect()])
      const warnings = [...scopesOf(host).flatMap((scope) => scope.warnings), ...findings]
      const reloads = (await audit.list(0, 200)).items.filter(({ action }) => action === 'reload')
      return {
        ...(host.file !== undefined && { file: host.file }),
        values: settings.map(({ path, value, isSecret, origin, place }) => ({
          path,
          value,
          ...(isSecret && { secret: true }),
          origin: { kind: origin, ...(origin === 'file' && placeOf(place, host.file)) },
        })),
        warnings,
        changes: [
          { at: deps.since, generation: host.generation, ok: true },
          ...reloads.map(({ at, caller, ok, text, count = 0 }) => ({
            at,
            generation: count,
            by: caller,
            ok,
            ...(text !== undefined && { text }),
          })),
        ],
      }
    },
    async audit({ query: { before, limit } }) {
      const from = Number(before ?? 0)
      const { items, next } = await audit.list(Number.isSafeInteger(from) && from > 0 ? from : 0, limit)
      return { items, ...(next !== undefined && { next: String(next) }) }
    },
  }
  return { handlers, status }
}

/** Milliseconds that the numbers of the workers are good for: each viewer asks for itself. */
const NUMBERS_MS = 1_000

/** One answer for all who ask at about the same time. */
function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let last: { readonly at: number; readonly answer: Promise<T> } | undefined
  return () => {
    if (last && performance.now() - last.at < NUMBERS_MS) return last.answer
    const own = { at: performance.now(), answer: ask() }
    last = own
    own.answer.catch(() => {
      if (last === own) last = undefined
    })
    return own.answer
  }
}

interface Scope {
  readonly name: string
  readonly warnings: readonly string[]
  readonly keywords: readonly string[]
  readonly listeners: readonly {
    readonly name: string
    readonly place: string
    readonly protocol: string
    readonly notes?: readonly string[]
    readonly certificateFiles?: readonly { readonly cert: string }[]
  }[]
}

/** As `postroad explain --json` shows them. */
function scopesOf(host: Host): readonly Scope[] {
  return host.explain() as readonly Scope[] // the core's own
}

function listenersOf(host: Host) {
  return scopesOf(host).flatMap(({ name: scope, keywords, listeners }) =>
    listeners.map((one) => ({ ...one, scope, keywords })),
  )
}

async function shownListener(
  { name, scope, place, protocol, notes = [], keywords, certificateFiles = [] }: ReturnType<typeof listenersOf>[number],
  all: readonly WorkerNumbers[],
) {
  const known = all.flatMap(({ connections }) => connections[name] ?? [])
  return {
    name,
    scope,
    place,
    protocol,
    notes: [...notes],
    ...(keywords.length > 0 && /^(?:smtp|lmtp)/.test(protocol) && { keywords: [...keywords] }),
    ...(known.length > 0 && { connections: known.reduce((sum, count) => sum + count, 0) }),
    ...(certificateFiles.length > 0 && {
      certificates: (await Promise.all(certificateFiles.map(({ cert }) => certificateOf(cert)))).flat(),
    }),
  }
}

/** Nothing of one that cannot be read: the listener's own log says why. */
async function certificateOf(file: string) {
  try {
    const certificate = new X509Certificate(await readFile(file))
    const notAfter = Date.parse(certificate.validTo)
    const names = (certificate.subjectAltName ?? '').split(/, */).flatMap((one) => /^DNS:(.+)$/.exec(one)?.[1] ?? [])
    const issuer = /^(?:O|CN)=(.+)$/m.exec(certificate.issuer)?.[1] ?? certificate.issuer
    return [{ names, issuer, notAfter, daysLeft: Math.floor((notAfter - Date.now()) / 86_400_000), file }]
  } catch {
    return []
  }
}

function placeOf(place: string | undefined, file: string | undefined): { file?: string; line?: number } {
  const [, name, line] = /^(.*):(\d+)$/.exec(place ?? '') ?? []
  if (name !== undefined) return { file: file ?? name, line: Number(line) }
  return file === undefined ? {} : { file }
}

/** Milliseconds that a count of the quarantine is good for: it is a walk over all of it. */
const COUNTED_MS = 10_000
interface Counted {
  readonly at: number
  readonly quarantined: Promise<number | undefined>
  readonly failures: Promise<number | undefined>
}
const counted = new WeakMap<Host, Counted>()

/** What cannot be counted is absent. */
async function countsOf({ host, records }: ServerDeps, signal: AbortSignal) {
  const stats = await Promise.all(queueDesks(host).map(({ desk }) => desk.stats().catch(() => undefined)))
  const known = stats.filter((one) => one !== undefined)
  let own = counted.get(host)
  if (!own || performance.now() - own.at > COUNTED_MS) {
    own = { at: performance.now(), quarantined: quarantinedOf(host), failures: failuresOf(records) }
    counted.set(host, own)
  }
  signal.throwIfAborted()
  const [quarantined, failures] = await Promise.all([own.quarantined, own.failures])
  return {
    ...(known.length > 0 && {
      waiting: known.reduce((sum, { messages }) => sum + messages, 0),
      held: known.reduce((sum, { held }) => sum + held, 0),
    }),
    ...(quarantined !== undefined && { quarantined }),
    ...(failures !== undefined && { failures }),
  }
}

/** Of the last hour. */
async function failuresOf(records: MailRecords): Promise<number | undefined> {
  try {
    const { plugins } = await records.plugins({ span: 3_600_000 })
    return plugins.flatMap(({ failures }) => failures).reduce((sum, { count }) => sum + count, 0)
  } catch {
    return undefined // the numbers of this hour cannot be read: the log says so
  }
}

async function quarantinedOf(host: Host): Promise<number | undefined> {
  const desks = host.desks(QuarantineDesk)
  if (desks.length === 0) return undefined
  let count = 0
  try {
    for (const { desk } of desks) for await (const _ of desk.list(AbortSignal.timeout(5_000))) count++
  } catch {
    return undefined
  }
  return count
}
