import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newToken, tokenFile } from './index.ts'

async function place(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-tokens-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'tokens.json')
}

const token = (name: string) => ({ name, sha256: newToken().sha256, roles: ['read' as const], created: '2026-11-30' })

test('a file that is not there has no tokens; what is written is read again, and for the server alone', async (context) => {
  const path = await place(context)
  const file = tokenFile(path)
  assert.deepEqual(await file.read(), [])
  const tokens = [token('a'), { ...token('b'), expires: '2027-01-01T00:00:00.000Z' }]
  await file.write(tokens)
  assert.deepEqual(await file.read(), tokens)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(join(path, '..')), ['tokens.json'])
})

test('what is no list of tokens is said, and the file named', async (context) => {
  const path = await place(context)
  for (const text of ['', '{}', '[1]', '[{"name":"a"}]', '[{"name":"a","sha256":"x","roles":["root"]}]']) {
    await writeFile(path, text)
    await assert.rejects(tokenFile(path).read(), /tokens\.json is no list of tokens/)
  }
  await writeFile(path, JSON.stringify([{ ...token('a'), sha256: 'x' }]))
  await assert.rejects(tokenFile(path).read(), /tokens\.json: tokens\[0\]\.sha256: 64 hexadecimal digits/)
  await writeFile(path, ' '.repeat(1_048_577))
  await assert.rejects(tokenFile(path).read(), /more than 1048576 octets/)
})

test('two that write at the same time do not lose what the other wrote: the second is told', async (context) => {
  const path = await place(context)
  await writeFile(`${path}.new`, '')
  await assert.rejects(tokenFile(path).write([token('a')]), /tokens\.json\.new is there: another command writes/)
  assert.deepEqual(await tokenFile(path).read(), [])
})

test('a watch tells of what has changed, and of what cannot be read once; then the old ones stay', async (context) => {
  const path = await place(context)
  const file = tokenFile(path)
  const seen: string[] = []
  const first = [token('a')]
  await file.write(first)
  const watch = file.watch({
    known: first,
    intervalMs: 3_600_000,
    onChange: (tokens) => void seen.push(tokens.map(({ name }) => name).join()),
    onError: (error) => void seen.push(error instanceof Error ? error.message.replace(/.*tokens\.json/, '') : ''),
  })
  context.after(() => watch.close())
  await watch.check()
  assert.deepEqual(seen, [])
  await file.write([...first, token('b')])
  await watch.check()
  await watch.check()
  assert.deepEqual(seen.splice(0), ['a,b'])
  await writeFile(path, 'half of')
  await watch.check()
  await watch.check()
  assert.equal(seen.splice(0).length, 1)
  await rm(path)
  await watch.check()
  assert.deepEqual(seen.splice(0), [''], 'none is left')
})

test('what was changed between reading and watching is not missed', async (context) => {
  const path = await place(context)
  await tokenFile(path).write([token('b')])
  const seen: number[] = []
  const watch = tokenFile(path).watch({
    known: [],
    intervalMs: 3_600_000,
    onChange: ({ length }) => void seen.push(length),
    onError: () => assert.fail(),
  })
  context.after(() => watch.close())
  await watch.check()
  await watch.check()
  assert.deepEqual(seen, [1])
})

test('what cannot be read is an error, not an empty list', async (context) => {
  const path = await place(context)
  await mkdir(path)
  await assert.rejects(tokenFile(path).read(), { code: 'EISDIR' })
})

test('a token is added and revoked by its name; its secret is nowhere in the file', async (context) => {
  const path = join(await place(context), 'deeper', 'tokens.json')
  const file = tokenFile(path)
  const { secret, token: made } = await file.add({ name: 'ann', roles: ['read'] })
  assert.match(secret, /^prt_[\w-]{43}$/)
  assert.ok(!(await readFile(path, 'utf8')).includes(secret.slice(4)))
  assert.deepEqual(await file.read(), [made])
  await assert.rejects(file.add({ name: 'ann', roles: ['admin'] }), /There is a token "ann" already/)
  await assert.rejects(file.add({ name: 'a b', roles: ['read'] }), /The name of a token/)
  assert.deepEqual([await file.revoke('bob'), await file.revoke('ann'), await file.read()], [false, true, []])
})
