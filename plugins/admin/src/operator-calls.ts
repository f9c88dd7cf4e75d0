/** Calls that ask who has started the server: what commands of `postroad` do, for programs. */
import { type Host, type HostOperator, textOf } from '@postroad/plugin'
import { rowOf, type StoredRecord, transactionSentence } from '@postroad/records'
import { type CallAnswer, type CallHandlers, CallRefused } from './answer.ts'
import type { AuditLog } from './audit.ts'

/** Milliseconds that a look at everything may take; what is not known by then is said to be so. */
const PATIENCE = 45_000
/** Milliseconds that a look is good for, and for who wants a fresh one. */
const GOOD = 600_000
const FRESH = 60_000

type Checks = CallAnswer<'doctor'>

/** The handlers. @param signal aborted when the plugin closes */
export function operatorCalls(host: Host, audit: AuditLog, signal: AbortSignal): CallHandlers {
  const doctor = lookedAt(host, signal)
  return {
    doctor: ({ query: { fresh } }) => doctor(fresh === undefined ? GOOD : FRESH),
    async reload({ context }) {
      const { reload } = host
      if (!reload) throw new CallRefused(501, 'Who started this server does not let it read its configuration again')
      const before = host.generation
      const outcomes = await reload().catch((error: unknown) => failed(error))
      const ok = outcomes.every(({ state }) => state === 'reloaded')
      const mistakes = [...new Set(outcomes.flatMap((one) => one.mistakes))]
      const text = reloadText(outcomes)
      await audit.add(context, {
        action: 'reload',
        target: host.file ?? '',
        count: ok ? before + 1 : before,
        ok,
        text: ok ? text : [text, ...mistakes].join('\n').slice(0, 2_000),
      })
      return { ok, text, mistakes, outcomes: outcomes.map((one) => ({ ...one, mistakes: [...one.mistakes] })) }
    },
    async try({ context, query: { from, to, remote, helo, listener } }) {
      const { rehearse } = host
      if (!rehearse) throw new CallRefused(501, 'Who started this server does not let it try messages')
      const octets = new Uint8Array(await context.request.arrayBuffer())
      if (octets.length === 0) throw new CallRefused(400, 'There is no message')
      const envelope = { from, to: to === undefined ? undefined : [to].flat(), remote, helo, listener }
      try {
        const { steps, record } = await rehearse(octets, { ...envelope, signal: context.signal })
        const stored = record as StoredRecord // the canonical line of the same version
        return {
          reply: steps.at(-1)?.reply ?? '',
          outcome: rowOf(stored).outcome,
          sentence: [...transactionSentence(stored)],
          steps: steps.map((step) => ({ ...step })),
          record: stored as CallAnswer<'try'>['record'], // as above
        }
      } catch (error) {
        const text = textOf(error)
        throw new CallRefused(/already|longer than/.test(text) ? 503 : 422, text)
      }
    },
  }
}

type Outcomes = Awaited<ReturnType<NonNullable<HostOperator['reload']>>>

function failed(error: unknown): Outcomes {
  const mistakes = textOf(error)
    .split('\n')
    .filter((line) => line !== '')
  return [{ worker: 1, pid: process.pid, state: 'failed', mistakes }]
}

function reloadText(outcomes: Outcomes): string {
  const count = (state: Outcomes[number]['state']): number => outcomes.filter((one) => one.state === state).length
  const [well, badly, silent] = [count('reloaded'), count('failed'), count('silent')]
  if (badly + silent === 0) return 'The configuration was read again'
  if (well === 0 && silent === 0) return 'The old configuration stays'
  const words = [
    well > 0 && `${well} of ${outcomes.length} workers have read it again`,
    badly > 0 && `${badly} ${badly === 1 ? 'stays' : 'stay'} with the old one`,
    silent > 0 && `${silent} ${silent === 1 ? 'has' : 'have'} not answered`,
  ]
  return words.filter((one) => one !== false).join(', ')
}

/** One look for all who ask meanwhile: it asks the world, and everybody may ask us. */
function lookedAt(host: Host, signal: AbortSignal): (age: number) => Promise<Checks> {
  let last: Checks | undefined
  let running: Promise<Checks> | undefined
  return (age) => {
    if (running) return running
    if (last && Date.now() - last.at < age) return Promise.resolve(last)
    const own = (host.diagnose ? diagnosed(host.diagnose, signal) : configured(host)).finally(() => {
      running = undefined
    })
    running = own
    return own.then((checks) => (last = checks))
  }
}

async function diagnosed(diagnose: NonNullable<HostOperator['diagnose']>, signal: AbortSignal): Promise<Checks> {
  const began = performance.now()
  const found = await diagnose(AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]))
  return {
    at: Date.now(),
    tookMs: Math.round(performance.now() - began),
    checks: found.map(({ check, plugin, subject, state, evidence, rfc, fix }) => ({
      id: check,
      subject,
      state,
      evidence,
      ...(plugin !== undefined && { plugin }),
      ...(rfc !== undefined && { rfc }),
      ...(fix !== undefined && { fix }),
    })),
  }
}

/** Nobody can look outside: what is known of the configuration. */
async function configured(host: Host): Promise<Checks> {
  const began = performance.now()
  const scopes = host.explain() as readonly { readonly name: string; readonly warnings: readonly string[] }[] // the core's own
  const checks: Checks['checks'] = [
    ...(await host.inspect()).map((evidence) => finding('fault', 'configuration', evidence)),
    ...scopes.flatMap(({ name, warnings }) => warnings.map((text) => finding('remark', `scope ${name}`, text))),
  ]
  if (checks.length === 0) checks.push(finding('ok', 'configuration', 'Nothing is wrong with it'))
  return { at: Date.now(), tookMs: Math.round(performance.now() - began), checks }
}

function finding(state: Checks['checks'][number]['state'], subject: string, evidence: string) {
  return { id: 'configuration', subject, state, evidence }
}
