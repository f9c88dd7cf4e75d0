/** `postroad dev`: a saved file is a new generation, also one that the configuration imports; transactions are trees. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, open, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { collect, ended, makeFolder, startCommand, until } from './command.ts'

const folder = await makeFolder()
after(() => rm(folder, { recursive: true, force: true }))

const config = `import { defineConfig } from 'postroad'
import { first, road, rule } from './rule.ts'
export default defineConfig({ hostname: 'mx.test', folder: 'kept', setup: (app) => void app.use(road()).use(first()).use(rule()).listen({ host: '127.0.0.1', port: 0 }) })
`
const rule = (text: string) => `import { defineFact, definePlugin, reject, suspect } from '@postroad/plugin'
const colour = defineFact<string>('colour')
export const road = definePlugin({ name: 'road', hooks: { route: () => ({ via: 'road' }), queue: ({ envelope }) => ({ id: envelope.id }) } })
export const first = definePlugin({ name: 'first', hooks: { helo: () => suspect(0, 'before') } })
export const rule = definePlugin({ name: 'rule', hooks: {
  mail: { provides: [colour], handler: ({ set }) => { set(colour, 'red'); return suspect(1.5, 'a little') } },
  rcpt: ({ log, recipient }) => { log.info({ recipient: recipient.toString() }, 'asked'); return recipient.local === 'nobody' ? reject('Who?') : undefined },
  helo: { after: ['first'], handler: () => undefined },
  message: async () => { await new Promise((wake) => setTimeout(wake, 20)); return reject('${text}') },
} })
`

async function send(port: number): Promise<string> {
  return (
    await ended(
      startCommand(
        folder,
        'send',
        '--to',
        'b@ours.test',
        'nobody@ours.test',
        '--server',
        `127.0.0.1:${port}`,
        '--quiet',
      ),
    )
  ).out
}

test('serves, shows a tree, reloads what was saved, keeps the old one when it is wrong, ends with 0', async () => {
  await writeFile(path.join(folder, 'postroad.config.ts'), config)
  await writeFile(path.join(folder, 'rule.ts'), rule('first'))
  const child = startCommand(folder, 'dev')
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  try {
    const port = Number(await until(() => /127\.0\.0\.1:(\d+); watching/.exec(err())?.[1]))
    assert.match(await send(port), /550 5\.7\.1 first/)
    const tree = await until(() => (out().includes('└─ facts') ? out() : undefined))
    assert.match(tree, /550 5\.7\.1 first\n.*<sender@example\.org> → b@ours\.test, \d+ octets, 1\.5 points\n/)
    assert.match(
      tree,
      /├─ helo\n│ {2}├─ wave 1\n│ {2}│ {2}└─ first [\d.]+ ms {2}suspect 0 before\n│ {2}└─ wave 2\n│ {5}└─ rule [\d.]+ ms\n/,
    )
    assert.match(tree, /├─ refused\n│ {2}└─ nobody@ours\.test 550 5\.7\.1 Who\? \(rule\)\n/)
    assert.match(err(), /info rule: asked \{.*"recipient":"b@ours\.test"\}/)
    assert.match(tree, /├─ mail\n│ {2}└─ rule [\d.]+ ms {2}suspect 1\.5 a little\n/)
    const ms = Number(/├─ message\n│ {2}└─ rule ([\d.]+) ms {2}reject 5\.7\.1 first/.exec(tree)?.[1])
    assert.ok(ms >= 15, tree)
    assert.match(tree, /└─ facts\n {3}└─ colour "red"/)
    await writeFile(path.join(folder, 'rule.ts'), rule('second'))
    await until(() => /reloaded in \d+ ms/.exec(err())?.[0])
    assert.match(await send(port), /550 5\.7\.1 second/)
    await writeFile(path.join(folder, 'rule.ts'), 'export {')
    await until(
      () =>
        /not reloaded, the old one goes on: postroad\.config\.ts cannot be loaded: rule\.ts:1: .*\n {2}export \{/.exec(
          err(),
        )?.[0],
    )
    assert.match(await send(port), /550 5\.7\.1 second/)
  } finally {
    child.kill('SIGINT')
  }
  const [code] = await once(child, 'close')
  assert.equal(code, 0, err())
})

test('what it writes into the folder itself is no reason to reload; a module that was missing is waited for', async () => {
  const own = path.join(folder, 'output')
  await mkdir(own)
  await writeFile(path.join(own, 'postroad.config.ts'), config)
  await writeFile(path.join(own, 'rule.ts'), rule('first'))
  const file = await open(path.join(own, 'dev.txt'), 'w')
  const child = startCommand(own, { stdio: ['ignore', file.fd, file.fd] }, 'dev')
  const said = () => readFileSync(path.join(own, 'dev.txt'), 'utf8')
  try {
    await until(() => /; watching/.exec(said())?.[0])
    await writeFile(path.join(own, 'notes.txt'), 'no part of it')
    await writeFile(path.join(own, 'rule.ts'), rule('second'))
    await until(() => /reloaded in/.exec(said())?.[0])
    await writeFile(path.join(own, 'rule.ts'), `import './later.ts'\n${rule('third')}`)
    await until(() => /not reloaded, .*later\.ts/.exec(said())?.[0])
    await writeFile(path.join(own, 'later.ts'), 'console.log("later is there")')
    await until(() => /later is there[\s\S]*reloaded in/.exec(said())?.[0])
    // A loop would have turned many times meanwhile.
    assert.equal(said().match(/reloaded/g)?.length, 3, said())
  } finally {
    child.kill('SIGINT')
    await once(child, 'close')
    await file.close()
  }
})

test('in a package of CommonJS, as npm init writes it, the sentence says what to do; under another name it works', async () => {
  const common = path.join(folder, 'common')
  await mkdir(common)
  await writeFile(path.join(common, 'package.json'), '{ "type": "commonjs" }')
  const text = `import { defineConfig } from 'postroad'
export default defineConfig({ hostname: 'mx.test', folder: 'kept', setup: (app) => void app.listen({ host: '127.0.0.1', port: 0 }) })
`
  await writeFile(path.join(common, 'postroad.config.ts'), text)
  assert.match(
    (await ended(startCommand(common, 'check'))).err,
    /cannot be loaded: .*`npm pkg set type=module` makes it one, or name the file postroad\.config\.mts/,
  )
  await rm(path.join(common, 'postroad.config.ts'))
  await writeFile(path.join(common, 'postroad.config.mts'), text)
  const { out, err } = await ended(startCommand(common, 'check'))
  assert.equal(out, 'The configuration has no mistakes.\n')
  assert.match(err, /^warning: scope "server": nobody answers route: every recipient is refused$/m)
})
