/** `postroad check` and `explain`: what starts, and would not work once mail comes. Neither makes nor changes anything. */
import assert from 'node:assert/strict'
import { chmod, chown, mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { CERTIFICATE } from '../conformance/certificate.ts'
import { EXPORT, Operator } from './operator.ts'

const operator = await Operator.begin()
after(() => operator.end())

const HEAD = `import { authFile } from '@postroad/auth-file'
import { queue } from '@postroad/queue'
import { greylist } from '@postroad/greylist'
import { quarantine } from '@postroad/quarantine'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
`
const configured = (setup: string, folder = 'kept'): string =>
  `${HEAD}${EXPORT} defineConfig({ hostname: 'mx.test', folder: '${folder}', setup(app) { ${setup} } })\n`
const LISTEN = `listen({ name: 'mx', host: '127.0.0.1', port: 0 })`

interface Mistake {
  readonly code: string
  readonly message: string
  readonly fix: string
}

async function mistakesOf(text: string, ...args: readonly string[]): Promise<readonly Mistake[]> {
  const { code, out, err } = await operator.run('check', '--json', ...args, await operator.config('one.ts', text))
  assert.equal(err, '')
  const { ok, mistakes } = JSON.parse(out) as { ok: boolean; mistakes: readonly Mistake[] }
  assert.deepEqual([code, ok], mistakes.length === 0 ? [0, true] : [1, false])
  for (const { fix } of mistakes) assert.match(fix, /^[A-Z].*\.$/)
  return mistakes
}

const texts = (mistakes: readonly Mistake[]) => mistakes.map(({ code, message }) => `${code}: ${message}`)

test('check names what would go wrong later, with its fix; explain prints the same as warnings; neither makes anything', async () => {
  await writeFile(path.join(operator.folder, 'file'), '')
  const text = configured(`
    app.use(queue({ folder: 'file/queue' })).scope('in', (scope) => void scope.use(routing({ domains: { 'ours.test': { via: 'x' } } })).${LISTEN})`)
  const found = texts(await mistakesOf(text))
  assert.match(
    found[0] ?? '',
    /^ERR_VIA: scope "in": routing sends mail by "x" \(domains\["ours\.test"\]\), which nobody there takes$/,
  )
  assert.match(found[1] ?? '', /^ERR_FOLDER: queue: folder .*file\/queue cannot be used: ENOTDIR/)
  const { code, out } = await operator.run('explain', 'one.ts')
  assert.equal(code, 0)
  const [server = '', inner = ''] = out.split('\n\n')
  for (const [shown, one] of [
    [inner, found[0]],
    [server, found[1]],
  ] as const)
    assert.ok(shown.split('\n').includes(`  warning    ${one?.replace(/^\w+: /, '')}`), shown)
  assert.deepEqual((await readdir(operator.folder)).toSorted(), ['file', 'one.ts'])
})

test('check tells what explain warns of: it is no mistake, and the exit code stays 0', async () => {
  const name = await operator.config('warned.ts', configured(`app.use(queue({ smtp: { port: 1 } })).${LISTEN}`))
  const { code, out, err } = await operator.run('check', name)
  assert.deepEqual([code, out], [0, 'The configuration has no mistakes.\n'], err)
  assert.match(err, /^warning: scope "server": nobody answers route: every recipient is refused$/m)
  const explained = await operator.run('explain', name)
  for (const line of err.trimEnd().split('\n'))
    assert.ok(explained.out.includes(line.replace(/^.*?scope "server": /, '  warning    ')), line)
  const { ok, warnings } = JSON.parse((await operator.run('check', '--json', name)).out)
  assert.deepEqual(
    [ok, warnings[0]],
    [true, { scope: 'server', message: 'nobody answers route: every recipient is refused' }],
  )
})

const skip = process.getuid?.() !== 0 && 'needs root'

test('--user: what that user cannot write or read is found: folders, services, databases, users, tables, certificates', {
  skip,
}, async () => {
  const kept = path.join(operator.folder, 'roots')
  await mkdir(path.join(kept, 'services/store'), { recursive: true })
  await writeFile(path.join(kept, 'services/store/data.mdb'), '')
  for (const [name, text] of [
    ['cert.pem', CERTIFICATE.cert],
    ['key.pem', CERTIFICATE.key],
    ['users', ''],
    ['secret-table', 'a@ours.test maildir'],
  ] as const)
    await writeFile(path.join(operator.folder, name), text, { mode: 0o600 })
  const text = (certificate: string) =>
    configured(
      `app.use(queue({ maildir: { folder: 'mail' } })).use(quarantine({ release: { port: 1 } })).use(greylist())
       app.use(routing({ domains: { 'ours.test': { via: 'maildir' } } }))
       app.listen({ name: 'mx', host: '127.0.0.1', port: 0${certificate} })`,
      'roots',
    )
  const nobody = ['--user', 'nobody']
  const certificate = `, certificateFiles: { cert: 'cert.pem', key: 'key.pem' }`
  const table = text(certificate).replace('routing({', `routing({ tables: [{ file: 'secret-table' }],`)
  const mistakes = texts(
    await mistakesOf(table.replace('app.listen', `app.use(authFile({ path: 'users' })).listen`), ...nobody),
  ).join('\n')
  for (const one of [
    /^ERR_LISTEN: mx: certificateFiles: .*: EACCES/m,
    /^ERR_SETUP: auth-file.*EACCES/m,
    /^ERR_SETUP: routing .*EACCES/m,
  ])
    assert.match(mistakes, one)
  const found = texts(await mistakesOf(text(''), ...nobody))
  assert.match(found[0] ?? '', /^ERR_FOLDER: folder .*roots cannot be used: EACCES/)
  assert.match(found.join('\n'), /^ERR_FOLDER: store: its folder .*services\/store cannot be used: EACCES/m)
  assert.match(found.join('\n'), /^ERR_FOLDER: queue: maildir\.folder .*mail cannot be used: EACCES/m)
  // Everything given away but the database, and a folder for mail.
  const uid = process.getuid?.() === 0 ? 65_534 : 0
  for (const name of ['', 'services', 'services/store']) await chown(path.join(kept, name), uid, uid)
  await mkdir(path.join(operator.folder, 'mail'))
  await chown(path.join(operator.folder, 'mail'), uid, uid)
  await chmod(path.join(kept, 'services/store/data.mdb'), 0o600)
  assert.match(texts(await mistakesOf(text(''), ...nobody)).join('\n'), /^ERR_FOLDER: store: .*EACCES.*data\.mdb'$/)
  await chown(path.join(kept, 'services/store/data.mdb'), uid, uid)
  assert.deepEqual(await mistakesOf(text(''), ...nobody), [])
  assert.deepEqual((await readdir(kept, { recursive: true })).toSorted(), [
    'services',
    'services/store',
    'services/store/data.mdb',
  ])
})
