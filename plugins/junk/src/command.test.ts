import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { CommandIo } from '@postroad/plugin'
import { fakeClock } from '@postroad/testing'
import { junkCommands } from './command.ts'
import { mailOf } from './mail-fixture.test.ts'
import { options } from './options.ts'
import { ACTING, schoolOf } from './school-fixture.test.ts'

const folder = await mkdtemp(join(tmpdir(), 'postroad-junk-'))
after(() => rm(folder, { recursive: true, force: true }))
const files = { spam: join(folder, 'spam.mbox'), ham: join(folder, 'ham.mbox') }
for (const kind of ['spam', 'ham'] as const)
  await writeFile(
    files[kind],
    Array.from(
      { length: 70 },
      (_, id) => `From x@y Mon Nov 30 10:00:00 2026\n${mailOf(kind, id).replaceAll('\r\n', '\n')}\n`,
    ).join(''),
  )

/** Runs a command as the command line does, with a filter of its own over the same files. */
async function run(name: string, ...args: readonly string[]) {
  const school = schoolOf(join(folder, 'junk'))
  const lines: string[] = []
  const rows: Readonly<Record<string, unknown>>[] = []
  const io: CommandIo = {
    json: args.includes('--json'),
    row: (row) => void rows.push(row),
    print: (line) => void lines.push(line),
    signal: AbortSignal.timeout(60_000),
  }
  const commands = junkCommands({ school, options: options.parse(ACTING), clock: fakeClock() })
  try {
    const code =
      (await commands[name]?.run(
        args.filter((word) => word !== '--json'),
        io,
      )) ?? 0
    return { code, text: [...lines, ...rows.map((row) => Object.values(row).join(' '))].join('\n'), rows }
  } finally {
    await school.close()
  }
}

test('learn: mailboxes of both kinds by turns, and again changes nothing', async () => {
  const first = await run('learn', '--spam', files.spam, '--ham', files.ham)
  assert.equal(first.code, 0)
  assert.match(
    first.text,
    /^140 messages: 140 learned\nit still needs: \d+ more scores of wanted mail to keep 1 in 100$/,
  )
  const again = await run('learn', files.spam, '--spam')
  assert.match(again.text, /^70 messages: 70 known already, nothing has changed/m)
  assert.deepEqual((await run('learn', '--ham', files.ham, '--json')).rows, [
    { messages: 70, learned: 0, known: 70, refused: 0, failed: 0 },
  ])
})

test('learn: mistakes are said in words', async () => {
  for (const [args, words] of [
    [[files.spam], /say what they are: --spam or --ham/],
    [['--spam'], /say which: files/],
    [['--spma', files.spam], /there is no option --spma; there are --spam, --ham and --user/],
    [[files.spam, '--spam', files.spam, '--ham'], /is .*spam\.mbox spam or ham\?/],
  ] as const) {
    const { code, text } = await run('learn', ...args)
    assert.equal(code, 64)
    assert.match(text, words)
  }
  const missing = await run('learn', '--spam', join(folder, 'nothing'))
  assert.equal(missing.code, 66)
  assert.match(missing.text, /no such file/)
})

test('explain: what speaks for and against, with the place', async () => {
  const file = join(folder, 'one.eml')
  await writeFile(file, mailOf('spam', 500))
  const { code, text } = await run('explain', file)
  assert.equal(code, 0)
  assert.match(text, /^(?:junk|unsure|wanted): score [\d.]+; junk from .*, unsure from .*; \d+ % likely to be junk\n/)
  assert.match(text, /\nworth nothing yet, it still needs: /)
  assert.match(
    text,
    /\nmade of: letters \+[\d.]+, words and links \+[\d.]+, header [+-][\d.]+; together \+[\d.]+, of which \+[\d.]+ counts: \d+ of its/,
  )
  assert.match(text, /\nfor junk:\n {2}\+[\d.]+ {2}.+ \(.+\)\n/)
  const { rows } = await run('explain', file, '--json')
  assert.ok(rows.length > 2 && 'score' in (rows[0] ?? {}) && 'place' in (rows[1] ?? {}))
  assert.equal((await run('explain', join(folder, 'nothing'))).code, 66)
  assert.equal((await run('explain')).code, 64)
})

test('stats, export, undo, delete', async () => {
  const user = 'alice@example.com'
  await run('learn', '--user', user, '--spam', files.ham)
  const exported = await run('export', '--user', user)
  assert.equal(exported.rows.length, 71)
  assert.match(exported.text, /^alice@example\.com \S+ \d+ \d+\n\S+ spam \S+ command\n/)
  assert.doesNotMatch(exported.text, /Colleague|office/)
  assert.match((await run('stats')).text, /state shadow mode.*\nneeds .*\nlearned \d+ spam, \d+ ham, 1 users/s)
  assert.deepEqual((await run('undo', '--since', '1h', '--user', user)).rows[0]?.['undone'], 70)
  assert.equal((await run('undo', '--since', 'yesterdy')).code, 64)
  assert.equal((await run('undo')).code, 64)
  assert.deepEqual((await run('delete', '--user', user)).rows, [{ user, deleted: 70 }])
  assert.equal((await run('export', '--user', user)).rows.length, 1)
  assert.equal((await run('delete')).code, 64)
  assert.deepEqual((await run('resume')).rows, [{ learning: true }])
})
