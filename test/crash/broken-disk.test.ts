/** A disk that fails: what LMDB cannot write is said, refused early, and over when the disk is well again; nothing hangs, nothing dies. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'

const EIO = 5
const ENOTRECOVERABLE = 131
const skip = requires('gcc', 'libc6-dev')
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

interface Store {
  readonly child: ChildProcess
  /** What an operator was told. */
  readonly told: string[]
  ask(order: Order): Promise<unknown>
  /** What was asked without waiting is answered next. */
  answer(): Promise<unknown>
  /** Makes calls of a kind fail, until it is called without one. */
  fail(kind?: 'meta' | 'page' | 'sync' | 'stall' | 'lock', errno?: number): Promise<void>
}

type Order = 'add' | 'record' | 'admit' | 'count' | 'age'

async function openStore(t: TestContext): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-disk-'))
  const library = join(folder, 'broken-disk.so')
  execFileSync(programPath('gcc'), ['-shared', '-fPIC', '-O1', '-o', library, here('broken-disk.c'), '-ldl'])
  const fault = join(folder, 'fault')
  const child = fork(here('broken-disk-worker.ts'), [join(folder, 'queue')], {
    execArgv: ['--conditions=@postroad/source'],
    env: { ...process.env, LD_PRELOAD: library, BREAK_SWITCH: fault },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  t.after(async () => {
    child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  })
  const told: string[] = []
  const answers: unknown[] = []
  child.on('message', (message: { told?: string; answer?: unknown }) => {
    if (message.told === undefined) answers.push(message.answer)
    else told.push(message.told)
  })
  const answer = async (): Promise<unknown> => {
    const deadline = AbortSignal.timeout(20_000)
    while (answers.length === 0) {
      assert.equal(child.exitCode ?? child.signalCode, null, 'the process lives')
      await once(child, 'message', { signal: deadline })
    }
    return answers.shift()
  }
  assert.equal(await answer(), 'open')
  return {
    child,
    told,
    answer,
    async ask(order) {
      child.send(order)
      return answer()
    },
    fail: (kind, errno = EIO) => (kind ? writeFile(fault, `${kind} ${errno}`) : rm(fault)),
  }
}

for (const kind of ['meta', 'page', 'sync'] as const) {
  test(`EIO of a ${kind} write: told with its path, 451 at MAIL, nothing of it is there, and it goes on with the same claims`, {
    skip,
  }, async (t) => {
    const store = await openStore(t)
    for (let count = 0; count < 3; count++) assert.equal(await store.ask('add'), 'added')
    for (let round = 0; round < 3; round++) {
      await store.fail(kind)
      for (const order of ['add', 'record', 'add'] as const)
        assert.match(String(await store.ask(order)), /^failed: .*data\.mdb could not be/, `round ${round}`)
      assert.equal(await store.ask('admit'), 451)
      await store.fail()
      assert.equal(await store.ask('add'), 'added')
      assert.equal(await store.ask('admit'), 'yes')
    }
    assert.equal(await store.ask('count'), 6)
    assert.ok(
      store.told.some((text) => /data\.mdb cannot be written.*(?:Input\/output|EIO)/i.test(text)),
      store.told.join('\n'),
    )
    for (let count = 0; count < 6; count++) assert.equal(await store.ask('record'), 'finished')
    assert.equal(await store.ask('count'), 0)
  })
}

test('after a failed write mail is refused until one has succeeded, however long that one takes', {
  skip,
}, async (t) => {
  const store = await openStore(t)
  await store.fail('page')
  assert.match(String(await store.ask('add')), /^failed/)
  await store.fail('stall')
  await store.ask('age')
  assert.equal(await store.ask('admit'), 'yes', 'one is let through')
  store.child.send('add')
  let tries = 0
  // Until what was sent has come to where it is written.
  while ((await store.ask('admit')) !== 451) assert.ok(tries++ < 1_000, 'it is being written')
  await store.ask('age')
  assert.equal(await store.ask('admit'), 451)
  await store.fail()
  assert.equal(await store.answer(), 'added')
  assert.equal(await store.ask('admit'), 'yes')
})

test('a lock that fails: said at once and by its name, refused at MAIL, and the process can still end', {
  skip,
}, async (t) => {
  const store = await openStore(t)
  assert.equal(await store.ask('add'), 'added')
  await store.fail('lock', ENOTRECOVERABLE)
  for (let round = 0; round < 2; round++)
    assert.match(String(await store.ask('add')), /^failed: .*data\.mdb cannot be written by this process/)
  await store.ask('age')
  assert.equal(await store.ask('admit'), 451)
  await store.fail()
  assert.match(String(await store.ask('record')), /^failed: .*start the process again/)
  const ended = once(store.child, 'exit', { signal: AbortSignal.timeout(20_000) })
  store.child.send('close')
  // In order it would wait for lmdb's lock.
  assert.deepEqual(await ended, [null, 'SIGKILL'])
})
