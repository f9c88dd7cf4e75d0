/** What `npm create postroad` writes of servers, filters and programs passes its tests, starts, and is right to the compiler. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { ROOT } from '../structure/workspace.ts'
import { collect, ended, makeFolder, startCommand, startNode, until } from './command.ts'

const BIN = path.join(ROOT, 'packages/create-postroad/src/bin.ts')
const folder = await makeFolder()
after(() => rm(folder, { recursive: true, force: true }))

for (const kind of ['mx', 'filter', 'submission', 'program'])
  test(`--kind ${kind}: its tests pass, the compiler has nothing to say, and it starts`, async (t) => {
    const { code, out, err } = await ended(startNode(folder, BIN, `my-${kind}`, '--kind', kind))
    assert.equal(code, 0, err)
    assert.match(out, new RegExp(`cd my-${kind} && npm install && npm test && npm start`))
    const place = path.join(folder, `my-${kind}`)
    const tests = await ended(startNode(place, '--test', '*.test.ts'))
    assert.equal(tests.code, 0, tests.out)
    assert.ok(Number(/(?:# |ℹ )pass (\d+)/.exec(tests.out)?.[1]) >= (kind === 'program' ? 1 : 2), tests.out)
    const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc')
    const types = await ended(startNode(place, tsc, '--customConditions', '@postroad/source'))
    assert.deepEqual(
      types.out.split('\n').filter((line) => /^(?:[\w.-]+\.ts|error)/.test(line)),
      [],
    )
    const { scripts, name, dependencies, devDependencies } = JSON.parse(
      await readFile(path.join(place, 'package.json'), 'utf8'),
    )
    assert.equal(name, `my-${kind}`)
    for (const version of Object.values({ ...dependencies, ...devDependencies }))
      assert.match(String(version), /^\^\d+\.\d+\.\d+$/)
    assert.match(await readFile(path.join(place, 'README.md'), 'utf8'), new RegExp(`^# my-${kind}\n`))
    process.env['POSTROAD_PORT'] = '0'
    if (kind === 'program') {
      assert.equal(scripts.start, 'node main.ts')
      const file = path.join(place, 'main.ts')
      await writeFile(
        file,
        (await readFile(file, 'utf8')).replace('console.log(mail))', 'console.log(mail), { port: 0 })'),
      )
    }
    const started = kind === 'program' ? startNode(place, 'main.ts') : startCommand(place, 'start', '--log', 'json')
    t.after(() => started.kill('SIGKILL'))
    const [said, errors] = [collect(started.stdout), collect(started.stderr)]
    await until(() => /127\.0\.0\.1:\d+/.exec(said() + errors()) ?? undefined)
    started.kill('SIGTERM')
    await once(started, 'close')
  })

test('what it shall be is one of those words, nothing is overwritten, and a file is of plugins', async () => {
  const wrong = await ended(startNode(folder, BIN, 'x', '--kind', 'submit'))
  assert.match(
    `${wrong.code} ${wrong.err}`,
    /^1 --kind is one of mx, filter, submission, program, plugin, not "submit"; did you mean "submission"\?/,
  )
  assert.match(
    (await ended(startNode(folder, BIN, 'my-mx', '--kind', 'mx'))).err,
    /is there already: nothing was written/,
  )
  assert.match((await ended(startNode(folder, BIN, 'y', '--kind', 'mx', '--file'))).err, /--file is for plugins/)
  assert.match((await ended(startNode(folder, BIN, 'Y', '--kind', 'mx'))).err, /lower-case letters/)
})
