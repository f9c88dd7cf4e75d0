/**
 * Writes the table of `docs/decisions/0101-one-house.md`: where every file stands now that has moved since the step began. `node test/docs/moves.ts`
 * reads the history of git; the tests of the page do not.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programPath } from '../runner/program.ts'
import { ROOT } from '../structure/workspace.ts'

/** The page with the table. */
export const PAGE = 'docs/decisions/0101-one-house.md'
/** The last commit before the step. */
const BEFORE = '099c8c5'
const HEAD = '| Path before | Path now |\n|---|---|'

/** Where git sees no move, because little of the file was kept, or another one has its place: what a reader of the old path looks for. */
const SUCCESSORS: ReadonlyMap<string, string> = new Map([
  ['docs/reference/api/embedded-queue.txt', 'docs/reference/api/queue.txt'],
  ['packages/authres/src/field.ts', 'packages/mailauth/src/signed-field.ts'],
  ['packages/core/src/session/id.ts', 'packages/mail/src/id.ts'],
  ['packages/plugin/src/address.ts', 'packages/mail/src/address.ts'],
  ['packages/queue/src/carrier.ts', 'packages/mail/src/transport.ts'],
  ['packages/core/src/stages/tls.ts', 'packages/core/src/session/session.ts'],
  ['packages/embedded/src/queue/fault.ts', 'packages/embedded/src/queue/step.ts'],
  ['packages/queue/src/census.ts', 'packages/queue/src/stats-request.ts'],
  ['packages/queue/src/engine/gather.ts', 'packages/queue/src/engine/report-batch.ts'],
  ['packages/queue/src/engine/lane-book.ts', 'packages/queue/src/engine/registry.ts'],
  ['packages/queue/src/engine/permits.ts', 'packages/queue/src/engine/slots.ts'],
  ['packages/queue/src/engine/settler.ts', 'packages/queue/src/engine/recorder.ts'],
  ['packages/queue/src/hooks.ts', 'packages/plugin/src/delivery-hooks.ts'],
  ['packages/queue/src/rule/duration.ts', 'packages/options/src/zod.ts'],
  ['packages/smtp/src/listener-check.ts', 'packages/core/src/config/schema.ts'],
  ['plugins/arc/src/mailauth.d.ts', 'packages/mailauth/src/library.ts'],
  ['plugins/dkim/src/mailauth.d.ts', 'packages/mailauth/src/library.ts'],
  ['plugins/dmarc/src/mailauth.d.ts', 'packages/mailauth/src/library.ts'],
  ['plugins/redis-queue/src/link.ts', 'packages/redis-link/src/link.ts'],
  ['plugins/spf/src/mailauth.d.ts', 'packages/mailauth/src/library.ts'],
])

/** One file that is not where it was; without `to` it is gone, and so is what it was for. */
export interface Move {
  readonly from: string
  readonly to: string | undefined
}

/**
 * Follows files through a history.
 *
 * @param log what `git log --reverse -M --name-status --format=` says: `R100<TAB>from<TAB>to`, `D<TAB>path`, `A<TAB>path`, oldest first
 */
export function followMoves(log: string): Move[] {
  /** Present path by path of the beginning, for those that have moved. */
  const now = new Map<string, string | undefined>()
  /** Files that were made after the beginning: nobody knows them by a path of before. */
  const made = new Set<string>()
  const originOf = (path: string): string | undefined => {
    for (const [from, to] of now) if (to === path) return from
    return made.has(path) || now.has(path) ? undefined : path
  }
  for (const line of log.split('\n')) {
    const [status = '', path = '', target = ''] = line.split('\t')
    if (status === 'A') {
      made.add(path)
      continue
    }
    if (!/^[RD]/.test(status)) continue
    const origin = originOf(path)
    const to = status === 'D' ? undefined : target
    if (made.delete(path) && to !== undefined) made.add(to)
    if (origin !== undefined) now.set(origin, to)
  }
  return [...now].filter(([from, to]) => from !== to).map(([from, to]) => ({ from, to }))
}

/** Those moves that somebody has to know of: of what is where it was (`isThere`) only those that `successors` know better. */
export function knownMoves(
  moves: readonly Move[],
  isThere: (path: string) => boolean,
  successors = SUCCESSORS,
): Move[] {
  const known = new Map(moves.filter(({ from }) => !isThere(from)).map(({ from, to }) => [from, to]))
  for (const [from, to] of successors) if (known.get(from) === undefined) known.set(from, to)
  return [...known].map(([from, to]) => ({ from, to }))
}

/** The table, by old path. */
export function renderMoves(moves: readonly Move[]): string {
  const rows = moves
    .toSorted((a, b) => (a.from < b.from ? -1 : 1))
    .map(({ from, to }) => `| \`${from}\` | ${to === undefined ? 'gone' : `\`${to}\``} |`)
  return [HEAD, ...rows].join('\n')
}

/** The rows that a page has. */
export function readMoves(page: string): Move[] {
  const [, table = ''] = /<!-- moves -->([\s\S]*?)<!-- \/moves -->/.exec(page) ?? []
  return [...table.matchAll(/^\| `([^`]+)` \| (?:`([^`]+)`|gone) \|$/gm)].map(([, from = '', to]) => ({ from, to }))
}

function git(...args: readonly string[]): string {
  return execFileSync(programPath('git'), [...args], { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const there = new Set(git('ls-files', '-z').split('\0'))
  const log = git('log', '--reverse', '-M', '--diff-filter=ARD', '--name-status', '--format=', `${BEFORE}..HEAD`)
  const all = followMoves(log).filter(({ from }) => /^(?:packages|plugins|examples|test|docs)\//.test(from))
  const moves = knownMoves(all, (path) => there.has(path))
  const file = join(ROOT, PAGE)
  const page = readFileSync(file, 'utf8')
  const table = `<!-- moves -->\n${renderMoves(moves)}\n<!-- /moves -->`
  writeFileSync(
    file,
    page.replace(/<!-- moves -->[\s\S]*?<!-- \/moves -->/, () => table),
  )
  for (const { from, to } of moves) if (to === undefined) console.warn(`gone: ${from}`)
}
