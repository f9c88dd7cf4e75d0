/** `postroad reports`: what other servers say about our mail (DMARC) and about TLS with our hosts. */
import { type Command, InvalidArgumentError } from 'commander'
import type { ReportRow, Summary } from '../reports/summary.ts'

interface ReportsOptions {
  readonly json?: boolean
  readonly top: number
}

/** Adds `reports`. */
export function reportsCommand(program: Command, outcome: { code: number }): void {
  program
    .command('reports')
    .description(
      'read reports on DMARC and TLS of other servers; exit code 1 when one cannot be read, or none is found',
    )
    .argument('<path...>', 'reports (.xml, .json, .gz, .zip), messages that bring them, or folders: a Maildir')
    .option('--json', 'print every row as a line of JSON')
    .option('--top <number>', 'lines of each table', number, 20)
    .action(async (paths: readonly string[], options: ReportsOptions) => {
      outcome.code = await reports(paths, options)
    })
}

async function reports(paths: readonly string[], { json = false, top }: ReportsOptions): Promise<number> {
  // Who starts a server reads no reports.
  const { collectReports } = await import('../reports/collect.ts')
  const { Summing } = await import('../reports/summary.ts')
  const summing = new Summing()
  for await (const found of collectReports(paths)) summing.add(found)
  const { summary } = summing
  process.stdout.write(json ? jsonOf(summary) : textOf(summary, top))
  return summary.mistakes.length === 0 && summary.reports.length > 0 ? 0 : 1
}

const TABLES: readonly (readonly [name: keyof Summary & string, what: string, title: string])[] = [
  ['dmarcPolicies', 'dmarc-policy', 'DMARC by policy'],
  ['dmarcSources', 'dmarc-source', 'DMARC by source, those that fail most first'],
  ['tlsPolicies', 'tls-policy', 'TLS by policy, in sessions'],
  ['tlsFailures', 'tls-failure', 'TLS failures, in sessions'],
  ['reports', 'report', 'Reports; one without "pass" of DKIM may be from anybody'],
  ['mistakes', 'mistake', 'Not read'],
]

function jsonOf(summary: Summary): string {
  return TABLES.flatMap(
    ([name, what]) => (summary[name] as readonly ReportRow[]).map((row) => `${JSON.stringify({ what, ...row })}\n`), // each name is that of a table
  ).join('')
}

function textOf(summary: Summary, top: number): string {
  const { reports, repeated, others } = summary
  const lines = [
    `${reports.length} reports; ${repeated} came again, ${others} files have none.`,
    ...TABLES.flatMap(([name, , title]) => tableOf(title, summary[name] as readonly ReportRow[], top)), // as above
  ]
  return `${lines.join('\n')}\n`
}

/** Characters of one cell. */
const MAX_CELL = 60

function tableOf(title: string, rows: readonly ReportRow[], top: number): readonly string[] {
  const [first] = rows
  if (first === undefined) return []
  const names = Object.keys(first)
  const shown = rows.slice(0, top).map((row) => names.map((name) => cellOf(row[name])))
  const head = names.map((name) => name.toUpperCase())
  const widths = names.map((_, column) => Math.max(...[head, ...shown].map((cells) => cells[column]?.length ?? 0)))
  const isNumber = names.map((name) => typeof first[name] === 'number')
  const lineOf = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (isNumber[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd()
  const rest = rows.length - shown.length
  return ['', title, lineOf(head), ...shown.map(lineOf), ...(rest > 0 ? [`… and ${rest} more`] : [])]
}

/** Text of strangers, on a terminal. */
function cellOf(value: string | number | undefined): string {
  const text = String(value ?? '').replace(/[^\x20-\x7e\u00a1-\ud7ff\ue000-\ufffd]/g, '·')
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}…` : text
}

function number(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a number, from 1 on.')
  return value
}
