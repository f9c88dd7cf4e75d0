/** A transaction as a tree: hooks in the order of the protocol, waves, who ran in them for how long, what they said and found out. */
import { styleText } from 'node:util'
import type { ExplainedScope } from '@postroad/core'

/** One run of a handler, as the tracing channel told it. */
export interface TimedRun {
  readonly plugin: string
  readonly hook: string
  readonly ms: number
}

type Line = Readonly<Record<string, unknown>>

/** What a tree is made of. */
export interface TracedTransaction {
  /** A canonical line, parsed: of a transaction, or of a session without one. */
  readonly record: Line
  readonly runs: readonly TimedRun[]
  readonly scopes: readonly ExplainedScope[]
}

/** The tree as text, with a line break at the end. */
export function transactionTree({ record, runs, scopes }: TracedTransaction): string {
  const scope = scopes.find(({ listeners }) => listeners.some(({ name }) => name === record['listener'])) ?? scopes[0]
  const opinions = list(record['opinions'])
  const branches = Object.entries(scope?.hooks ?? {}).flatMap(([hook, waves]) =>
    hookBranch(hook, waves ?? [], { runs, opinions }),
  )
  const facts = Object.entries((record['facts'] as object | undefined) ?? {}).map(([name, value]) =>
    leaf(`${name} ${styleText('dim', JSON.stringify(value) ?? '')}`),
  ) // as the canonical line has it
  const refused = list(record['refused']).map(({ to, reply, plugin }) =>
    leaf(printable(`${to} ${reply}${plugin ? ` (${plugin})` : ''}`)),
  )
  const met = list(record['thresholds']).map(({ level, at, points, to }) =>
    leaf(printable(`${level} from ${at}, for ${points} points of ${to}`)),
  )
  const all: readonly Branch[] = [
    ...branches,
    ...(refused.length > 0 ? [{ text: 'refused', children: refused }] : []),
    ...(met.length > 0 ? [{ text: 'thresholds', children: met }] : []),
    ...(facts.length > 0 ? [{ text: 'facts', children: facts }] : []),
  ]
  return `${head(record)}\n${drawn(all, '')}`
}

interface Branch {
  readonly text: string
  readonly children: readonly Branch[]
}

const leaf = (text: string): Branch => ({ text, children: [] })

function hookBranch(
  hook: string,
  waves: readonly (readonly { readonly plugin: string; readonly mode: string }[])[],
  { runs, opinions }: { readonly runs: readonly TimedRun[]; readonly opinions: readonly Line[] },
): readonly Branch[] {
  const ran = waves
    .map((wave) => wave.filter(({ plugin }) => runs.some((run) => run.hook === hook && run.plugin === plugin)))
    .filter((wave) => wave.length > 0)
  if (ran.length === 0) return []
  const leaves = ran.map((wave) =>
    wave.map((handler) =>
      handlerBranch(handler, {
        runs: runs.filter((run) => run.hook === hook && run.plugin === handler.plugin),
        said: opinions.filter((one) => one['hook'] === hook && one['plugin'] === handler.plugin),
      }),
    ),
  )
  // One after the other is not the same as at once, and must not look like it.
  const isPlain = leaves.length === 1
  return [
    {
      text: styleText('bold', hook),
      children: isPlain
        ? (leaves[0] ?? [])
        : leaves.map((children, index) => ({ text: styleText('dim', `wave ${index + 1}`), children })),
    },
  ]
}

function handlerBranch(
  { plugin, mode }: { readonly plugin: string; readonly mode: string },
  { runs, said }: { readonly runs: readonly TimedRun[]; readonly said: readonly Line[] },
): Branch {
  const ms = runs.reduce((sum, run) => sum + run.ms, 0)
  const times = runs.length > 1 ? `${runs.length} × ` : ''
  const note = `${styleText('cyan', plugin)} ${styleText('dim', `${times}${ms.toFixed(2)} ms${mode === 'shadow' ? ', shadow' : ''}`)}`
  const [only, ...more] = said
  if (only && more.length === 0) return leaf(`${note}  ${opinion(only)}`)
  return { text: note, children: said.map((one) => leaf(opinion(one))) }
}

function opinion(one: Line): string {
  const kind = String(one['kind'])
  const colour = kind === 'accept' ? 'green' : kind === 'suspect' || kind === 'defer' ? 'yellow' : 'red'
  const detail = [
    one['points'],
    one['status'],
    one['text'] ?? one['reason'],
    one['to'] ? `for ${one['to']}` : undefined,
    one['shadow'] ? '(shadow: not obeyed)' : undefined,
  ]
  return `${styleText(colour, kind)} ${detail
    .filter((part) => part !== undefined)
    .map(printable)
    .join(' ')}`.trimEnd()
}

function head(record: Line): string {
  const to = Array.isArray(record['to']) && record['to'].length > 0 ? record['to'].map(String).join(', ') : 'nobody'
  const replies =
    record['event'] === 'session' ? [`closed (${record['closed']})`] : [record['reply']].flat().map(String)
  const what =
    record['event'] === 'session'
      ? 'no transaction'
      : `<${record['from']}> → ${to}, ${record['size']} octets, ${record['points']} points`
  const shown = replies.map((reply) =>
    styleText(reply.startsWith('2') ? 'green' : reply.startsWith('4') ? 'yellow' : 'red', printable(reply)),
  )
  return `${styleText('dim', String(record['time']).slice(11, 19))} ${shown.join(' | ')}\n${printable(`${record['id']} ${record['remote']} (${record['helo'] ?? 'no greeting'}): ${what}`)}`
}

function drawn(branches: readonly Branch[], indent: string): string {
  return branches
    .map(({ text, children }, index) => {
      const isLast = index === branches.length - 1
      return `${indent}${isLast ? '└─' : '├─'} ${text}\n${drawn(children, `${indent}${isLast ? '   ' : '│  '}`)}`
    })
    .join('')
}

function list(value: unknown): readonly Line[] {
  return Array.isArray(value) ? value : []
}

/** Foreign text must not move the reader's cursor. */
function printable(value: unknown): string {
  return String(value).replace(/[\u0000-\u001f\u007f-\u009f]/g, '·')
}
