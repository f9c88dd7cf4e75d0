import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Environment } from './environment.ts'

for (const isDurable of [true, false])
  test(`a process that exits while lmdb writes is killed before lmdb hears of it, isDurable: ${isDurable}`, async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'postroad-exit-'))
    context.after(() => rm(folder, { recursive: true, force: true }))
    const environment = new Environment(folder, { isDurable, isBinary: true }, false)
    context.after(() => environment.close())
    const kill = context.mock.method(process, 'kill', () => true)
    const exit = (): number => {
      kill.mock.resetCalls()
      const [first, second] = process.listeners('exit')
      // lmdb's own is there since an environment was opened whose syncs overlap; it would close it.
      assert.ok(first?.name === 'killIfWriting' && (isDurable || second))
      first(1)
      return kill.mock.callCount()
    }
    let during = 0
    await environment.root.transaction(() => {
      during = exit()
    })
    assert.equal(during, 1)
    // The thread ends a little later than the transaction resolves.
    const until = Date.now() + 10_000
    while (exit() > 0 && Date.now() < until) await sleep(5)
    assert.equal(exit(), 0)
  })

test('an error that nobody catches while lmdb writes is told before the process is killed, one that is caught is not', () => {
  const ended = (how: string) => {
    const begins = `const { threadBegins } = await import(${JSON.stringify(new URL('./exit.ts', import.meta.url).href)}); threadBegins()\n`
    const args = ['--no-warnings', '--input-type=module', '--eval', `${begins}${how}`]
    const { signal, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    return [signal, /Error: what it was\n +at /.test(stderr)]
  }
  const fails = "setTimeout(() => { throw new Error('what it was') })"
  assert.deepEqual(ended(fails), ['SIGKILL', true])
  assert.deepEqual(ended("void Promise.reject(new Error('what it was'))"), ['SIGKILL', true])
  const caught = "process.on('uncaughtException', () => setTimeout(() => process.exit(0), 50))"
  assert.deepEqual(ended(`${caught}; ${fails}`), ['SIGKILL', false])
})
