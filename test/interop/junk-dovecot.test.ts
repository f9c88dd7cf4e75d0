/** The recipe of docs/junk.md, as it stands there: a real Dovecot tells the filter what a real client moves. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { createServer } from '@postroad/core'
import { embeddedServices } from '@postroad/embedded'
import { junk } from '@postroad/junk'
import { deliveredOf, mailOf } from '../../plugins/junk/src/mail-fixture.test.ts'
import { programPath, systemPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { ROOT } from '../structure/workspace.ts'
import { PASSWORD, startDovecot } from './dovecot.ts'

const skip = requires('dovecot-imapd', 'dovecot-lmtpd', 'dovecot-sieve', 'curl', 'python3')
const ALICE = 'alice@example.test'
/** Milliseconds in which a lesson must come; it takes some tens. */
const LIMIT = 20_000

test('what a user moves into Junk and out of it is learned, what is thrown away is not', { skip }, async (t) => {
  const { socket, lessons } = await startFilter(t)
  await using dovecot = await startDovecot([ALICE], (folder) => writeRecipe(folder, socket))
  const client = startClient(t, dovecot.imapPort)
  const until = (...wanted: readonly string[]) => lessons.until(wanted, () => dovecot.log())

  await client([
    ['create', 'Junk'],
    ['create', 'Trash'],
    ['create', 'Work'],
    ...[1, 2, 3].map((id) => ['append', 'INBOX', deliveredOf(mailOf('spam', id))]),
    ['move', 'INBOX', 'Junk', subjectOf(1)],
  ])
  await until(`1 spam ${ALICE}`)

  await client([['append', 'Junk', deliveredOf(mailOf('spam', 4))]])
  await until(`1 spam ${ALICE}`, `4 spam ${ALICE}`)

  // Thrown away, then something else that is learned: what is not learned would have come before.
  await client([
    ['move', 'Junk', 'Trash', subjectOf(4)],
    ['copy', 'Junk', 'Work', subjectOf(1)],
  ])
  await until(`1 spam ${ALICE}`, `4 spam ${ALICE}`, `1 ham ${ALICE}`)

  await client([
    ['move', 'INBOX', 'Work', subjectOf(2)],
    ['move', 'INBOX', 'Junk', subjectOf(3)],
  ])
  await until(`1 spam ${ALICE}`, `4 spam ${ALICE}`, `1 ham ${ALICE}`, `3 spam ${ALICE}`)
})

function subjectOf(id: number): string {
  return /^Subject: (.*)$/m.exec(mailOf('spam', id))?.[1]?.trim() ?? ''
}

interface Lessons {
  until(wanted: readonly string[], log: () => string): Promise<void>
}

/** A server with the filter, which listens where Dovecot may ask. */
async function startFilter(t: TestContext): Promise<{ readonly socket: string; readonly lessons: Lessons }> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-junk-'))
  chmodSync(folder, 0o755)
  const services = embeddedServices(join(folder, 'services'))
  const socket = join(folder, 'junk.sock')
  const asked: string[] = []
  const server = await createServer(
    {
      hostname: 'mx.test',
      folder: join(folder, 'var'),
      log: {
        format: 'json',
        write: (text) =>
          void asked.push(
            ...text
              .trimEnd()
              .split('\n')
              .filter((line) => line.includes('"answered"')),
          ),
      },
      setup(app) {
        app.use(junk({ folder: join(folder, 'junk') }))
        app.listen({ name: 'mx', host: '127.0.0.1', port: 0 })
        app.listen({ name: 'junk', protocol: 'http', path: socket, mode: 0o666, anonymous: 'operate' })
      },
    },
    { services: services.services },
  )
  await server.listen()
  t.after(async () => {
    await server.close()
    await services.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { socket, lessons: { until: (wanted, log) => untilLearned(server, { folder, wanted, log, asked }) } }
}

/** What is in the journal, in its order: `NUMBER LABEL USER`. Waits until it is what was wanted. */
async function untilLearned(
  server: Awaited<ReturnType<typeof createServer>>,
  more: {
    readonly folder: string
    readonly wanted: readonly string[]
    readonly asked: readonly string[]
    log(): string
  },
): Promise<void> {
  const command = server.commands.get('junk')?.['export']
  assert.ok(command)
  const end = performance.now() + LIMIT
  for (;;) {
    const rows: Readonly<Record<string, unknown>>[] = []
    await command.run(['--user', ALICE], {
      json: true,
      row: (row) => void rows.push(row),
      print: () => undefined,
      signal: AbortSignal.timeout(LIMIT),
    })
    const labels = rows.slice(1).map((row) => row['label'])
    if (labels.length >= more.wanted.length) {
      assert.deepEqual(
        labels,
        more.wanted.map((line) => line.split(' ')[1]),
      )
      return
    }
    if (performance.now() > end) assert.fail(`${JSON.stringify(rows)}\n${more.asked.join('\n')}\n${more.log()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Blocks of code under the heading of the page. */
function recipe(): readonly string[] {
  const page = readFileSync(join(ROOT, 'docs/junk.md'), 'utf8')
  const section = page.slice(page.indexOf('\n## Dovecot\n'), page.indexOf('\n## Who may teach what\n'))
  return [...section.matchAll(/^```\w*\n(.*?)^```$/gms)].map(([, code = '']) => code)
}

/** The files of the recipe, in a folder of this Dovecot's own. */
function writeRecipe(folder: string, socket: string): string {
  const [, config = '', spam = '', ham = '', script = ''] = recipe()
  const sieve = join(folder, 'sieve')
  mkdirSync(sieve)
  chmodSync(sieve, 0o777)
  writeFileSync(join(sieve, 'learn-spam.sieve'), spam)
  writeFileSync(join(sieve, 'learn-ham.sieve'), ham)
  const name = join(sieve, 'junk-learn')
  writeFileSync(name, script.replaceAll('/run/postroad/junk.sock', socket))
  chmodSync(name, 0o755)
  return config.replaceAll('/etc/dovecot/sieve', sieve)
}

/** A client that stays logged in. */
function startClient(t: TestContext, port: number) {
  const child = spawn(
    programPath('python3'),
    [join(import.meta.dirname, 'imap-moves.py'), String(port), ALICE, PASSWORD],
    { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: systemPath() } },
  )
  t.after(() => void child.kill('SIGKILL'))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return async (commands: readonly (readonly string[])[]): Promise<void> => {
    for (const command of commands) {
      child.stdin.write(`${JSON.stringify(command)}\n`)
      const { done } = await lines.next()
      assert.ok(!done, said)
    }
  }
}
