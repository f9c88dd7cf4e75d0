/** Calls about the past: what the records say. */
import type { ApiShape } from '@postroad/admin-api'
import { parseDuration } from '@postroad/options'
import type { Host } from '@postroad/plugin'
import type { MailRecords } from '@postroad/records'
import { type CallHandlers, CallRefused } from './answer.ts'
import { mayReadFailures, withoutFailures } from './failure-text.ts'
import { queueAges } from './queue-calls.ts'
import { usesOf } from './uses.ts'

/** Milliseconds of a span, at most: records are not kept longer. */
const LONGEST = 400 * 86_400_000
const STEPS = 2_000
/** Milliseconds of a search until it answers with what it has, and `next`. */
const PATIENCE = 200

/** The handlers. */
export function recordCalls(records: MailRecords, host: Host): CallHandlers {
  return {
    async transactions({ query, context }) {
      const { full, ...rest } = query
      const found = await records.search({ ...rest, full: full !== undefined, patience: PATIENCE })
      return found.records && !mayReadFailures(context)
        ? { ...found, records: found.records.map(withoutFailures) }
        : found
    },
    async transaction({ context }) {
      const found = (await records.transaction(context.params['id'] ?? '')) ?? missing(context.params['id'])
      if (mayReadFailures(context)) return found
      const { failures: _texts, ...rest } = found
      return { ...rest, record: withoutFailures(rest.record) }
    },
    async story({ context }) {
      return (await records.story(context.params['id'] ?? '')) ?? missing(context.params['id'])
    },
    async series({ query: { names, span, step } }) {
      const ms = msOf(span)
      const stepMs = step === undefined ? undefined : msOf(step)
      if (stepMs !== undefined && ms / stepMs > STEPS) throw new CallRefused(400, `step: at most ${STEPS} of a span`)
      const list = names.split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]))
      return records.series({ names: list.slice(0, 100), span: ms, step: stepMs })
    },
    async summary({ query: { span } }) {
      const [summary, queue] = await Promise.all([records.summary({ span: msOf(span) }), queueAges(host)])
      return { ...summary, ...(queue && { queue }) }
    },
    async plugins({ query: { span }, context }) {
      const { plugins, ...rest } = await records.plugins({ span: msOf(span) })
      const known = new Map(plugins.map((one) => [one.name, mayReadFailures(context) ? one : withoutTexts(one)]))
      return {
        ...rest,
        plugins: [...usesOf(host)].map(
          ([name, use]): ApiShape<'plugin'> => ({ failures: [], ...known.get(name), name, ...use }),
        ),
      }
    },
    async shadow({ query: { span }, context }) {
      const { name = '' } = context.params
      if (!usesOf(host).has(name)) missing(name)
      return records.shadow(name, { span: msOf(span) })
    },
  }
}

/** How often it has failed, and not of what. */
function withoutTexts<P extends Pick<ApiShape<'plugin'>, 'failures'>>(plugin: P): P {
  return { ...plugin, failures: plugin.failures.map(({ kind, count }) => ({ kind, count })) }
}

/** Of a span of time. @throws {CallRefused} 400 */
export function msOf(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : parseDuration(text)
  if (ms === undefined || !(ms >= 1_000) || ms > LONGEST)
    throw new CallRefused(400, `${text} is no span of time from 1s to 400d`)
  return ms
}

function missing(id: string | undefined): never {
  throw new CallRefused(404, `There is no ${JSON.stringify(id ?? '')}`)
}
