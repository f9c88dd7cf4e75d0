/** `listen: protocol: http` and `postroad token`, as an operator has them: processes, workers, files. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chown, mkdir, readFile, stat } from 'node:fs/promises'
import { request } from 'node:http'
import path from 'node:path'
import { after, test } from 'node:test'
import { collect, freePort, Operator, until } from './operator.ts'

const operator = await Operator.begin()
after(() => operator.end())

const PLUGIN = `import { definePlugin } from '@postroad/plugin'
export const hello = definePlugin({ name: 'hello', setup: () => ({ routes: [
  { method: 'GET', path: '/hello', access: 'operate', summary: 'Says hello', handler: ({ caller }) => new Response('hello ' + caller.name) },
  { method: 'GET', path: '/slow', access: 'public', summary: 'Waits', handler: () => new Promise((done) => setTimeout(() => done(new Response('done')), 1000)) },
] }) })
`

/** With a connection of its own. */
function ask(
  where: { readonly port: number } | { readonly socketPath: string },
  url: string,
  secret?: string,
): Promise<readonly [number | undefined, string]> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'localhost', ...(secret !== undefined && { authorization: `Bearer ${secret}` }) }
    const sent = request({ host: '127.0.0.1', ...where, path: url, agent: false, headers }, (answer) => {
      const text = collect(answer)
      answer.on('end', () => resolve([answer.statusCode, text()])).on('error', reject)
    })
    sent.on('error', reject).end()
  })
}

test('tokens are made, listed and revoked; several workers take them, and finish their requests at the end', async (context) => {
  await operator.config('hello.js', PLUGIN)
  const port = await freePort()
  const text = `hostname: mx.test
folder: kept-http
use: [ ./hello.js ]
listen:
  - { name: web, protocol: http, port: ${port} }
  - { name: local, protocol: http, path: local.sock, mode: 0o600 }
`
  const file = await operator.config('http.yaml', text)
  const args = ['--config', file]
  assert.equal((await operator.run('token', 'list', ...args)).out, 'There is no token in kept-http/tokens.json.\n')
  const made = await operator.run('token', 'new', 'ops', '--role', 'operate', '--expires', '90d', ...args)
  assert.match(made.out, /^prt_[\w-]{43}\n$/)
  assert.match(made.err, /^This is shown once; its hash is kept in kept-http\/tokens\.json\./)
  const secret = made.out.trim()
  assert.ok(!(await readFile(path.join(operator.folder, 'kept-http/tokens.json'), 'utf8')).includes(secret))
  const again = await operator.run('token', 'new', 'ops', ...args)
  assert.deepEqual([again.code, again.out], [1, ''])
  assert.match(again.err, /^There is a token "ops" already/)
  const child = operator.spawn(['start', file, '--log', 'json', '--workers', '2'])
  context.after(() => child.kill('SIGKILL'))
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  await until(() => /Stop with Ctrl-C/.exec(out())?.[0])
  const answers = await Promise.all(Array.from({ length: 4 }, () => ask({ port }, '/hello', secret)))
  for (const answer of answers) assert.deepEqual(answer, [200, 'hello ops'])
  assert.deepEqual((await ask({ port }, '/hello'))[0], 401)
  const socketPath = path.join(operator.folder, 'local.sock')
  assert.deepEqual(await ask({ socketPath }, '/hello'), [200, 'hello socket'])
  assert.equal((await stat(socketPath)).mode & 0o777, 0o600)
  const listed = await operator.run('token', 'list', '--json', ...args)
  const { created: _created, expires, ...listedToken } = JSON.parse(listed.out)
  assert.deepEqual(listedToken, { name: 'ops', roles: ['operate'] })
  assert.ok(Math.abs(Date.parse(expires) - Date.now() - 90 * 86_400_000) < 600_000)
  assert.match((await operator.run('token', 'revoke', 'op', ...args)).err, /no token "op" in .*; there are ops/)
  assert.equal((await operator.run('token', 'revoke', 'ops', ...args)).code, 0)
  await until(async () => ((await ask({ port }, '/hello', secret))[0] === 401 ? 'yes' : undefined))
  const slow = ask({ port }, '/slow')
  await new Promise((resolve) => setTimeout(resolve, 300))
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await slow, [200, 'done'])
  assert.deepEqual(await exited, [0, null])
  assert.equal(err(), '')
})

test('a token is made for a server that does not start without one, in the file that its listener names', async () => {
  await operator.config('hello.js', PLUGIN)
  const text = `use: [ ./hello.js ]
folder: kept-off
listen: [ { name: web, protocol: http, port: 8025, host: 0.0.0.0, tls: none, tokenFile: secrets/web.json } ]
`
  const file = await operator.config('off.yaml', text)
  const refused = await operator.run('check', file)
  assert.equal(refused.code, 1)
  assert.match(
    refused.err,
    /^ERR_LISTEN: web: tokens: other machines can reach this listener, and there is none: `postroad token new`/,
  )
  assert.equal((await operator.run('token', 'new', 'ops', '--config', file)).code, 0)
  assert.equal((await stat(path.join(operator.folder, 'secrets/web.json'))).mode & 0o027, 0)
  assert.equal((await operator.run('check', file)).out, 'The configuration is fine.\n')
})

test('words that are none are said: a role, a time, a name, a file of several', async () => {
  await operator.config('hello.js', PLUGIN)
  const listens = ['a', 'b'].map(
    (name, at) => `{ name: ${name}, protocol: http, port: ${8000 + at}, tokenFile: ${name}.json }`,
  )
  const file = await operator.config('two.yaml', `use: [ ./hello.js ]\nlisten: [ ${listens.join(', ')} ]\n`)
  const said = async (...args: readonly string[]) => (await operator.run('token', 'new', ...args, '--config', file)).err
  assert.match(await said('x', '--role', 'root'), /'root' is invalid\. There are read, operate, admin, send\./)
  assert.match(await said('x', '--expires', '90'), /--expires: "90" is neither a duration such as 90d nor a date/)
  assert.match(await said('x', '--expires', '2001-01-01'), /--expires: 2001-01-01 is over/)
  assert.match(await said('x y', '--file', 'a.json'), /The name of a token has at most 64 letters/)
  assert.match(await said('x'), /several files of tokens: say which, --file a\.json or --file b\.json/)
  assert.equal(
    await operator.run('token', 'new', 'x', '--file', path.join(operator.folder, 'a.json')).then(({ code }) => code),
    0,
  )
})

test('tokens that root makes are read by the user of the server', {
  skip: process.getuid?.() === 0 ? false : 'needs root',
}, async () => {
  const folder = path.join(operator.folder, 'kept-owned')
  await mkdir(folder)
  await chown(folder, 65_534, 65_534)
  await operator.run('token', 'new', 'x', '--file', path.join(folder, 'tokens.json'))
  assert.equal((await stat(path.join(folder, 'tokens.json'))).uid, 65_534)
})
