/** `postroad catch` as a process: what it says, what it refuses, and that nothing is left. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import nodemailer from 'nodemailer'

const COMMAND = join(import.meta.dirname, '../../packages/cli/src/bin.ts')
const NODE = ['--conditions=@postroad/source', '--no-warnings', COMMAND, 'catch']

test('it says where it is, prints what comes without moving the cursor, and goes without a trace', async (t) => {
  const temporary = mkdtempSync(join(tmpdir(), 'catch-command-'))
  t.after(() => rmSync(temporary, { recursive: true, force: true }))
  const child = spawn(
    process.execPath,
    [...NODE, '--smtp', '127.0.0.1:0', '--http', '0', '--offline', '--like', 'strict'],
    {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => String((await lines.next()).value)
  const port = Number(/^Mail: 127\.0\.0\.1:(\d+)$/.exec(await next())?.[1])
  const page = /^Page: (http:\/\/127\.0\.0\.1:\d+\/)$/.exec(await next())?.[1] ?? ''
  assert.equal(await next(), 'Like a strict receiver:')
  for (let n = 0; n < 6; n++) assert.match(await next(), /^ {2}- /)
  assert.match(await (await fetch(page)).text(), /<title>Postroad catch<\/title>/)
  const transport = nodemailer.createTransport({ host: '127.0.0.1', port, auth: { user: 'app', pass: 'any' } })
  await transport.sendMail({ from: 'a@b.test', to: 'c@d.test, e@f.test', subject: 'red \u001b[31m alert\u202e' })
  assert.match(await next(), /^\d\d:\d\d:\d\d a@b\.test → c@d\.test \+1 {2}red \\u001b\[31m alert\\u202e$/)
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [0, null])
  assert.deepEqual(readdirSync(temporary), [])
})

test('wrong words are told with what was meant; an address that others reach needs a word more', () => {
  const run = (...words: string[]) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [...NODE, ...words], { encoding: 'utf8' })
    return `${status} ${stderr}${stdout}`
  }
  assert.match(run('--htpt', '1'), /^2 catch: there is no option --htpt; did you mean --http\?/)
  assert.match(
    run('--http', '0.0.0.0:0'),
    /^2 catch: --http 0\.0\.0\.0:0: other machines can reach that address.*--expose/,
  )
  assert.match(run('--like', 'strct'), /^2 catch: --like takes lenient or strict, not "strct"; did you mean "strict"\?/)
})

test('with a folder the mail is there again, and with --expose it says that others reach it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'catch-folder-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const begin = async () => {
    const words = ['--smtp', '0.0.0.0:0', '--http', '127.0.0.1:0', '--expose', '--folder', folder, '--offline']
    const child = spawn(process.execPath, [...NODE, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(() => child.kill('SIGKILL'))
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const port = Number(/:(\d+)$/.exec(String((await lines.next()).value))?.[1])
    const url = String((await lines.next()).value).replace(/^Page: /, '')
    const end = async (): Promise<string> => {
      child.kill('SIGINT')
      await once(child, 'exit')
      return errors
    }
    return { port, url, end }
  }
  const first = await begin()
  await nodemailer
    .createTransport({ host: '127.0.0.1', port: first.port })
    .sendMail({ from: 'a@b.test', to: 'c@d.test', subject: 'kept' })
  assert.match(await first.end(), /Warning: other machines can reach it/)
  assert.ok(existsSync(join(folder, 'index.sqlite')))
  const second = await begin()
  const { Subject } = (await (await fetch(`${second.url}api/v1/message/latest`)).json()) as { Subject: string } // of shape.ts
  assert.equal(Subject, 'kept')
  await second.end()
})
