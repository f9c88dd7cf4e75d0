/** `postroad start` with a plugin that never comes back, and with no means to start another process. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { collect, freePort, Operator, rule, send, until } from './operator.ts'

const operator = await Operator.begin()
after(() => operator.end())

/** A plugin of a package of its own, which turns for ever when it reads a certain subject. */
const LOOP = `import { writeSync } from 'node:fs'
import { definePlugin } from '@postroad/plugin'
export const loop = definePlugin({ name: 'loop', hooks: {
  message: ({ message }) => {
    if (message.headers.get('subject') === 'turn') turnForEver()
    return undefined
  },
} })
function turnForEver() {
  writeSync(1, 'it turns')
  for (let turns = 0; ; turns++) Math.sqrt(turns)
}
`

async function start(t: TestContext, name: string, args: readonly string[]) {
  const port = await freePort()
  const folder = path.join(operator.folder, 'plugin-loop')
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ name: 'postroad-plugin-loop', type: 'module' }))
  await writeFile(path.join(folder, 'loop.ts'), LOOP)
  const text = rule('bad').replace('port: 0', `port: ${port}`).replace('kept', `kept-${name}`)
  const config = text
    .replace('use(road())', 'use(loop()).use(road())')
    .replace('import', `import { loop } from './plugin-loop/loop.ts'\nimport`)
  const child = operator.spawn(['start', await operator.config(`${name}.ts`, config), '--log', 'json', ...args], {
    detached: true,
  })
  t.after(() => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
    } catch {
      // All of them are gone already.
    }
  })
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  await until(() => /Stop with Ctrl-C/.exec(out())?.[0])
  return { child, port, out, err }
}

async function workersOf({ pid }: ChildProcess): Promise<readonly number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return children.trim().split(' ').filter(Boolean).map(Number)
}

/** Who reads the log as JSON reads all that is said as JSON. */
function assertJson(lines: string): void {
  for (const line of lines.trimEnd().split('\n')) assert.equal(typeof JSON.parse(line).text, 'string', line)
}

const SAYS =
  /Process (\d+) has stood still for \d+ s in turnForEver \(.*loop\.ts:\d+:\d+\): the package postroad-plugin-loop, by message \(.*loop\.ts:5:\d+\); it is killed/

test('a worker stuck in a plugin is killed after the deadline, the plugin is named, and another takes its place', async (t) => {
  const { child, port, err } = await start(t, 'worker', ['--workers', '2', '--stuck', '3'])
  const stuck = send(port, 'turn').catch(() => 'gone')
  const [, pid] = await until(() => SAYS.exec(err()) ?? undefined)
  assert.doesNotMatch(await stuck, /^250/)
  await until(() => (err().includes(`worker ${pid} ended (SIGKILL); another takes its place`) ? true : undefined))
  await until(async () => ((await workersOf(child)).length === 2 ? true : undefined))
  // On a busy machine the second one may not even listen yet.
  assert.match(await until(() => send(port, 'good').catch(() => undefined)), /^250/)
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
  assertJson(err())
})

test('a single process that is stuck ends after SIGTERM, and says in whose code it was', async (t) => {
  const { child, port, out, err } = await start(t, 'single', ['--stuck', '3'])
  const stuck = send(port, 'turn').catch(() => 'gone')
  await until(() => /it turns/.exec(out())?.[0])
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [null, 'SIGKILL'])
  assert.match(err(), SAYS)
  assertJson(err())
  await stuck
})

test('a worker that is stopped by a signal for longer than the deadline is not killed for it', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async (t) => {
  const { child, port, err } = await start(t, 'stopped', ['--workers', '1', '--user', 'root', '--stuck', '3'])
  const [worker = 0] = await workersOf(child)
  process.kill(worker, 'SIGSTOP')
  await new Promise((resolve) => setTimeout(resolve, 4_500))
  process.kill(worker, 'SIGCONT')
  assert.match(await send(port, 'good'), /^250/)
  assert.deepEqual([await workersOf(child), err()], [[worker], ''])
})

test('a worker that cannot be started for want of descriptors is tried again; the supervisor and the others go on', {
  skip: requires('util-linux'),
}, async (t) => {
  const { child, port, err } = await start(t, 'fork', ['--workers', '2'])
  const limit = (count: number): void =>
    void execFileSync(programPath('prlimit'), ['--pid', String(child.pid), `--nofile=${count}:`])
  const [steady = 0, victim = 0] = await until(async () => {
    const all = await workersOf(child)
    return all.length === 2 ? all : undefined
  })
  limit(3)
  process.kill(victim, 'SIGKILL')
  await until(() => (err().split('a worker could not be started').length > 3 ? true : undefined))
  assert.match(err(), /a worker could not be started: .*EMFILE.*; 1 are left, trying again in \d+ ms/)
  limit(1_024)
  await until(async () => ((await workersOf(child)).length === 2 ? true : undefined))
  assert.ok((await workersOf(child)).includes(steady))
  assert.match(await send(port, 'good'), /^250/)
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
  assertJson(err())
})
