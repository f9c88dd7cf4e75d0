/** `postroad lookup`: which directories there are, what one says, and that nobody can say. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { EXPORT, Operator } from './operator.ts'

const operator = await Operator.begin()
after(() => operator.end())

test('lookup says what a directory knows, its age and its source, and never a password', async () => {
  await writeFile(path.join(operator.folder, 'people'), 'alice@x.test alice@store.test\n')
  await operator.config(
    'postroad.config.ts',
    `import { auth } from '@postroad/auth'
import { recipients } from '@postroad/recipients'
import { defineConfig } from 'postroad'
${EXPORT} defineConfig({ hostname: 'mx.test', folder: 'kept', setup(app) {
  app.use(recipients({ domains: ['x.test'], from: { file: 'people', name: 'people' } }))
  app.use(auth({ from: { file: 'people' }, fields: { password: 'value' } }))
  app.use(recipients({ domains: ['y.test'], from: { http: { url: 'http://127.0.0.1:9/{key}' }, name: 'away' } }), { as: 'other' })
  app.listen({ name: 'mx', host: '127.0.0.1', port: 0 })
} })\n`,
  )
  const run = async (...args: readonly string[]) => {
    const { code, out, err } = await operator.run('lookup', ...args)
    return { code, out: out.replaceAll(/ +/g, ' '), err }
  }
  const tables = await run()
  assert.equal(tables.code, 0, tables.err)
  for (const line of [/^people file people/m, /^auth file people/m, /^away http:/m]) assert.match(tables.out, line)
  const found = await run('people', 'Alice@x.test')
  assert.equal(found.code, 0, found.err)
  assert.match(found.out, /people alice@x\.test found asked afresh file people/)
  assert.match(found.err, /^Asked by this command: what a running server has in memory/)
  assert.match(found.out, /alice@store\.test/)
  const secret = await run('auth', 'alice@x.test', '--json')
  assert.equal(secret.code, 0)
  assert.ok(!secret.out.includes('store'), secret.out)
  assert.equal((await run('people', 'bob@x.test')).code, 1)
  const away = await run('away', 'bob@x.test')
  assert.equal(away.code, 69)
  assert.match(away.err, /away \(http:\/\/127\.0\.0\.1:9\) cannot say/)
  assert.match((await run('peopel', 'x')).err, /there is no table "peopel"; did you mean "people"\?/)
})
