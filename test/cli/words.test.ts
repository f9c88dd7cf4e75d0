/** Words of the command line that are mistyped: what may be meant is told, and what there is; and rows of several scopes line up. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Operator } from './operator.ts'

const operator = await Operator.begin()
after(() => operator.end())

const CONFIG = `hostname: mx.test
folder: kept
use: [queue]
scopes:
  mx:
    listen: [{ name: mx, port: 0 }]
    use:
      - { plugin: routing, options: { domains: { ours.test: { via: mailboxes } } } }
      - { plugin: maildir, options: { via: mailboxes } }
  submission:
    listen: [{ name: submission, port: 0 }]
    use:
      - { plugin: routing, options: { domains: { a-longer-name.test: { via: mailboxes } } } }
      - { plugin: maildir, options: { via: mailboxes } }
`
const file = await operator.config('words.yaml', CONFIG)
const run = (...args: readonly string[]) => operator.run(...args, '--config', file)

const TABLE: readonly (readonly [args: readonly string[], said: RegExp])[] = [
  [['chekc'], /^"chekc" is neither a command nor a plugin .*; did you mean "check"\?$/m],
  [['queue', 'lst'], /^"lst" is no command of queue; did you mean "list"\?$/m],
  [['queue', 'list', '--form', 'a'], /^--form: there is no such option; did you mean "--from"\?$/m],
]

for (const [args, said] of TABLE)
  test(`postroad ${args.join(' ')}`, async () => {
    const { code, err } = await run(...args)
    assert.equal(code, 2)
    assert.match(err, said)
  })

test('where there is no configuration a mistyped command is told all the same', async () => {
  const { err } = await operator.run('chekc', '--config', 'nowhere')
  assert.match(err, /^"chekc" is no command; did you mean "check"\? \(There is no configuration at nowhere\)/)
  assert.match(
    (await operator.run('queue', 'list', '--config', 'nowhere')).err,
    /^There is no configuration at nowhere/,
  )
})

test('options that a command has come through', async () => {
  assert.equal((await run('queue', 'list', '--from', 'a@b.test', '--limit=3')).code, 0)
})

test('what two scopes answer lines up', async () => {
  const { out } = await run('route', 'alice@a-longer-name.test')
  const lines = out.trimEnd().split('\n')
  assert.equal(lines.length, 4, out)
  const columns = new Set(lines.map((line) => /^\S+ +(?=\S)/.exec(line)?.[0].length))
  assert.deepEqual([...columns], ['submission  '.length], out)
  const third = new Set(lines.map((line) => /^\S+ +\S+ +(?=\S)/.exec(line)?.[0].length))
  assert.deepEqual([...third], ['submission  alice@a-longer-name.test  '.length], out)
})
