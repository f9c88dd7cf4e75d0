/** Processes that share a queue and have no file descriptors left: who lives stays alive to them, and who has died does not. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const skip = process.platform !== 'linux' && 'needs /proc'

/** Workers on one folder; each has few descriptors, so that it can run out of them. */
async function startWorkers(t: TestContext, count: number) {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-owners-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const workers = Array.from({ length: count }, async () => {
    const worker = fileURLToPath(new URL('owners-worker.ts', import.meta.url))
    const child = fork(worker, [folder], {
      execPath: '/bin/sh',
      execArgv: ['-c', 'ulimit -n 256 && exec "$0" "$@"', process.execPath, '--conditions=@postroad/source'],
    })
    t.after(() => child.kill('SIGKILL'))
    await once(child, 'message')
    const ask = async (order: string): Promise<number> => {
      const answer = once(child, 'message')
      child.send(order)
      return (await answer)[0] as number // the worker answers with numbers
    }
    return { child, ask }
  })
  return Promise.all(workers)
}

test('with no descriptors left a process takes nothing from those that live, and everything from those that died', {
  skip,
}, async (t) => {
  const [poor, neighbour] = await startWorkers(t, 2)
  assert.ok(poor && neighbour)
  await poor.ask('add')
  for (let count = 0; count < 5; count++) await neighbour.ask('add')
  assert.ok((await poor.ask('exhaust')) > 100)
  for (let round = 0; round < 3; round++) {
    assert.equal(await poor.ask('beat'), 0, 'taken from a process that lives')
    await neighbour.ask('add')
    assert.equal(await neighbour.ask('beat'), 0)
  }
  neighbour.child.kill('SIGKILL')
  await once(neighbour.child, 'exit')
  assert.equal(await poor.ask('beat'), 8)
  assert.equal(await poor.ask('claimed'), 1)
})

test('a process whose first look at itself fails is not taken for dead afterwards', { skip }, async (t) => {
  const [poor, neighbour] = await startWorkers(t, 2)
  assert.ok(poor && neighbour)
  await poor.ask('exhaust')
  await poor.ask('add')
  assert.equal(await neighbour.ask('beat'), 0)
  await poor.ask('relax')
  await poor.ask('beat')
  assert.equal(await neighbour.ask('beat'), 0)
  poor.child.kill('SIGKILL')
  await once(poor.child, 'exit')
  assert.equal(await neighbour.ask('beat'), 1)
})
