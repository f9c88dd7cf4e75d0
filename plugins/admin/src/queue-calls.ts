/** Calls about the queue. Where there are several, they are answered as one. */
import { randomBytes } from 'node:crypto'
import type { ApiBody } from '@postroad/admin-api'
import type { Host, HostDesk } from '@postroad/plugin'
import { QueueDesk, type QueueFilter, type QueueOrder } from '@postroad/queue-engine'
import { type AskedCall, type CallAnswer, type CallHandlers, CallRefused } from './answer.ts'
import type { AuditLog } from './audit.ts'
import type { Circle } from './circle.ts'
import type { Jobs, JobView } from './jobs.ts'
import type { Previews } from './preview.ts'

/** What they work on. */
export interface ActingDeps {
  readonly host: Host
  readonly audit: AuditLog
  readonly previews: Previews
  readonly jobs: Jobs
  circle(): Circle
}

/** Messages that are done before the answer: who acts on one wants to see what came of it. */
const AT_ONCE = 10

type ActionBody = Required<Pick<ApiBody<'queueAction'>, 'action' | 'filter'>> & ApiBody<'queueAction'>

/** The handlers; none where nothing queues. */
export function queueCalls(deps: ActingDeps): CallHandlers {
  const { host, audit } = deps
  const desk = (): QueueDesk => theDesk(host)
  return {
    sites: ({ context }) => desk().sites(context.signal),
    async messages({ query: { before, limit, ...filter }, context }) {
      const { items, next } = await desk().list(filter as QueueFilter, { after: before, limit, signal: context.signal }) // zod writes absent keys as undefined
      return { items: [...items], ...(next !== undefined && { next }) }
    },
    async message({ context }) {
      return (await desk().get(context.params['id'] ?? '')) ?? missing(context.params['id'])
    },
    async body({ context }) {
      const { id = '' } = context.params
      const source = (await desk().content(id)) ?? missing(id)
      await audit.add(context, { action: 'read a queued message', target: id, ok: true })
      return rawMessage(source, id)
    },
    queueAction: (asked) => act(asked, deps),
    suspensions: async () => ({ suspensions: [...(await desk().suspensions())] }),
    async suspend({ body: { target, reason }, context }) {
      const done = await desk().suspend(target, reason, context.signal)
      await audit.add(context, { action: 'suspend', target: done.suspension.target, ok: true, text: reason })
      return { ...done, notes: [...done.notes] }
    },
    async resume({ context }) {
      const { target = '' } = context.params
      const ok = await desk().resume(target)
      await audit.add(context, { action: 'resume', target, ok })
      if (!ok) throw new CallRefused(404, `${JSON.stringify(target)} is not suspended`)
      return { suspensions: [...(await desk().suspensions())] }
    },
  }
}

/** Calls about what is being done to many. */
export function jobCalls({ jobs, circle, audit }: ActingDeps): CallHandlers {
  const all = () => circle().ask({ jobs: jobs.all }, '/jobs')
  const one = async (id: string) => {
    const { all: found, workers } = await all()
    const job = found.flatMap(({ jobs: some }) => some).find((each) => each.id === id)
    return { job: job ?? missing(id), workers }
  }
  return {
    async jobs() {
      const { all: found, workers } = await all()
      return { jobs: found.flatMap(({ jobs: some }) => some).toSorted((a, b) => b.startedAt - a.startedAt), workers }
    },
    job: ({ context }) => one(context.params['id'] ?? ''),
    async stopJob({ context }) {
      const { id = '' } = context.params
      jobs.stop(id)
      await circle().ask({ jobs: jobs.all }, `/jobs/${encodeURIComponent(id)}/stop`, 'POST')
      await audit.add(context, { action: 'stop a job', target: id, ok: true })
      return one(id)
    },
  }
}

/** The one that `/v1/queue` is about: the first of the configuration. */
function theDesk(host: Host): QueueDesk {
  const [first] = host.desks(QueueDesk)
  if (!first) throw new CallRefused(404, 'This server has no queue')
  return first.desk
}

/** All there are, for who counts. */
export function queueDesks(host: Host): readonly HostDesk<QueueDesk>[] {
  return host.desks(QueueDesk)
}

/** Milliseconds that an age of the queue is good for: it is a walk over all of it. */
const AGES_MS = 20_000
type Ages = NonNullable<CallAnswer<'summary'>['queue']>
const aged = new WeakMap<Host, { readonly at: number; readonly ages: Promise<Ages | undefined> }>()

/** How long messages have waited, of all queues together; undefined where nothing queues, or it is too much to be counted. */
export function queueAges(host: Host): Promise<Ages | undefined> {
  let own = aged.get(host)
  if (!own || performance.now() - own.at > AGES_MS) {
    own = { at: performance.now(), ages: agesOf(host) }
    aged.set(host, own)
  }
  return own.ages
}

async function agesOf(host: Host): Promise<Ages | undefined> {
  try {
    const all = await Promise.all(queueDesks(host).map(({ desk }) => desk.sites(new AbortController().signal)))
    const [first] = all
    if (!first || all.some(({ complete }) => !complete)) return undefined
    const oldest = Math.min(...all.map(({ oldestAt }) => oldestAt ?? Number.POSITIVE_INFINITY))
    return {
      bounds: first.bounds,
      ages: first.ages.map((_, at) => all.reduce((sum, { ages }) => sum + (ages[at] ?? 0), 0)),
      ...(Number.isFinite(oldest) && { oldestAt: oldest }),
    }
  } catch {
    return undefined // the store says no: its own log has why
  }
}

async function act({ body, context, caller }: AskedCall<'queueAction'>, deps: ActingDeps) {
  const { host, previews } = deps
  const { action, filter, dryRun, token, text, via } = body
  const order = { action, filter, text, via } as QueueOrder // zod writes absent keys as undefined
  if (Object.values(filter).every((value) => value === undefined))
    throw new CallRefused(400, 'filter: say which messages, or all: true')
  const desk = theDesk(host)
  const now = context.now()
  if (dryRun) {
    const forecast = await desk.foresee(order, context.signal)
    const offered = await previews.offer(order, { by: caller, messages: forecast.messages, now })
    return { ...forecast, dryRun: true as const, ...offered }
  }
  const id = jobId()
  if (token === undefined && filter.ids?.length !== 1)
    throw new CallRefused(409, 'Ask with dryRun: true first, and then with its token')
  const taken = token === undefined ? undefined : await previews.take(token, { order, by: caller, now, job: id })
  if (taken && taken.job !== id) return already(taken.job, deps)
  return begin({ id, kind: action, total: taken?.messages ?? 1, target: targetOf(body as ActionBody) }, context, {
    ...deps,
    work: (signal) => desk.carryOut(order, signal),
  })
}

/** What is begun. */
interface Begun {
  readonly id: string
  readonly kind: string
  readonly total: number
  /** For the audit log. */
  readonly target: string
}

/** Begins a job, and waits for its end when it is short. */
export async function begin(
  { id, kind, total, target }: Begun,
  context: AskedCall<'queueAction'>['context'],
  { jobs, audit, work }: Pick<ActingDeps, 'jobs' | 'audit'> & Pick<Parameters<Jobs['start']>[0], 'work'>,
): Promise<{ job: JobView }> {
  const by = context.caller?.name ?? 'nobody'
  const started = jobs.start({
    id,
    kind,
    by,
    total,
    work,
    ended: (job) =>
      audit.add(context, {
        action: kind,
        target,
        count: job.changed,
        ok: job.state === 'done',
        ...(job.text !== undefined && { text: job.text }),
      }),
  })
  if (!started) throw new CallRefused(503, 'Too many jobs run already: wait for one of them, or stop it')
  return { job: total <= AT_ONCE ? await started.end : started.view }
}

/** A token that comes again: what it has begun, as far as it is known. */
export async function already(id: string, { jobs, circle }: Pick<ActingDeps, 'jobs' | 'circle'>) {
  const { all } = await circle().ask({ jobs: jobs.all }, '/jobs')
  const job = all.flatMap(({ jobs: some }) => some).find((each) => each.id === id)
  if (!job) throw new CallRefused(409, 'This was done already')
  return { job }
}

/** An id for a job. */
export function jobId(): string {
  return randomBytes(9).toString('base64url')
}

function targetOf({ filter, via }: ActionBody): string {
  const { ids, ...rest } = filter
  const said = Object.entries({ ...rest, via }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} ${value}`],
  )
  const named = ids ? [ids.length > 3 ? `${ids.slice(0, 3).join(' ')} and ${ids.length - 3} more` : ids.join(' ')] : []
  return [...named, ...said].join(', ')
}

function missing(id: string | undefined): never {
  throw new CallRefused(404, `There is no ${JSON.stringify(id ?? '')}`)
}

/** Octets for saving: no browser shows them. */
export function rawMessage(source: { raw(): AsyncIterable<Uint8Array>; readonly size: number }, id: string): Response {
  const name = id.replaceAll(/[^A-Za-z0-9._-]/g, '_')
  return new Response(ReadableStream.from(source.raw()), {
    headers: {
      'content-type': 'message/rfc822',
      'content-length': String(source.size),
      'content-disposition': `attachment; filename="${name}.eml"`,
      'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
    },
  })
}
