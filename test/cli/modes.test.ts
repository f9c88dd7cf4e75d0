/** What is kept has mail, addresses and keys in it: nobody but its owner reads it, whatever the mask of the shell that starts the server. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { lstat, readdir } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { collect, EXPORT, freePort, Operator, send, until } from './operator.ts'

const operator = await Operator.begin()
after(() => operator.end())

const config = (port: number): string => `import { definePlugin, quarantine as aside } from '@postroad/plugin'
import { quarantine } from '@postroad/quarantine'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'
const odd = definePlugin({ name: 'odd', hooks: {
  message: ({ message }) => (message.subject === 'odd' ? aside('it is odd') : undefined),
} })
${EXPORT} defineConfig({ hostname: 'mx.test', folder: 'kept', setup(app) {
  app.use(routing({ domains: { 'here.test': { via: 'maildir' }, 'dead.test': { via: 'smtp', host: '127.0.0.1', port: 9 } } }))
  app.use(odd()).use(quarantine())
  app.use(queue({ minFree: 0, maildir: { folder: 'mail' } }))
  app.listen({ name: 'mx', host: '127.0.0.1', port: ${port}, selfSigned: true })
} })
`

/** Everything below, with its permissions. */
async function* walk(folder: string): AsyncGenerator<{ name: string; mode: number; kind: string }> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name)
    const { mode } = await lstat(file)
    yield {
      name: path.relative(operator.folder, file),
      mode: mode & 0o777,
      kind: entry.isDirectory() ? 'folder' : 'file',
    }
    if (entry.isDirectory()) yield* walk(file)
  }
}

test('files are of mode 0600 and folders of 0700, whatever the mask', async () => {
  const port = await freePort()
  const before = process.umask(0)
  const child = operator.spawn(['start', await operator.config('postroad.config.ts', config(port))])
  process.umask(before)
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  await until(() => /Stop with Ctrl-C/.exec(out())?.[0])
  for (const [to, subject] of [
    ['a@here.test', 'hello'],
    ['b@dead.test', 'hello'],
    ['c@here.test', 'odd'],
  ] as const)
    assert.match(await send(port, subject, to), /^250 /, err())
  await until(async () => (await readdir(path.join(operator.folder, 'mail', 'a', 'new')).catch(() => []))[0])
  child.kill('SIGTERM')
  await once(child, 'exit')
  const seen: string[] = []
  for (const kept of ['kept', 'mail'])
    for await (const { name, mode, kind } of walk(path.join(operator.folder, kept))) {
      assert.equal(mode.toString(8), kind === 'folder' ? '700' : '600', name)
      seen.push(name)
    }
  for (const part of [/data\.mdb$/, /lock\.mdb$/, /services\/spool\/.*\.eml$/, /mail\/a\/new\/./, /\.pem$/])
    assert.ok(
      seen.some((name) => part.test(name)),
      `${part} among ${seen.join(', ')}`,
    )
})
