/** Queues that other versions wrote, as a process that was killed left them, are delivered by this one. `recorded/README.md` says how they were made. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLmdbStore } from '@postroad/embedded'
import { type Job, readAll } from '@postroad/mail'
import type { QueueError } from '@postroad/queue-engine'
import { type Bench, makeBench, OK } from './engine-bench.ts'

/** What a recording says of a message: its octets, where they are known. */
interface Recorded {
  readonly name: string
  readonly id: string
  readonly octets: number
  readonly sha256: string
}

interface Recording {
  /** Milliseconds since the epoch, by the clock of the engine. */
  readonly wroteAt: number
  /** Recipients of whom nobody could be told; older versions did not count them. */
  readonly unreturned: number
  readonly messages: readonly Recorded[]
}

/** Who is still to get what, by the name of the message. */
const PENDING: Readonly<Record<string, readonly string[]>> = {
  deferred: ['rcpt@later.test'],
  large: ['rcpt@large.test'],
  foreign: ['jörg@later.test', '"a b"@later.test'],
  mixed: ['waits@mixed.test'],
  parted: ['rcpt@parted.test'],
  claimed: ['rcpt@inflight.test'],
  'claimed-large': ['rcpt@inflight.test'],
}

for (const version of ['26114c0', '2cfd7f1'])
  test(`a queue that ${version} wrote is delivered, once and octet for octet; what was held, suspended or damaged still is`, async () => {
    const recorded = join(import.meta.dirname, 'recorded', version)
    const { wroteAt, unreturned, messages }: Recording = JSON.parse(
      readFileSync(join(recorded, 'expected.json'), 'utf8'),
    ) // `record.ts` wrote it
    const folder = await mkdtemp(join(tmpdir(), 'postroad-recorded-'))
    await cp(join(recorded, 'queue'), folder, { recursive: true })
    const problems: QueueError[] = []
    let bench: Bench | undefined
    const store = await openLmdbStore({
      folder,
      minFreeBytes: 0,
      now: () => bench?.time.now() ?? wroteAt,
      elapsed: () => bench?.time.monotonic() ?? 0,
      onProblem: (problem) => problems.push(problem),
    })
    const got: { readonly id: string; readonly to: readonly string[]; readonly sha256: string; readonly job: Job }[] =
      []
    bench = makeBench(
      async (job) => {
        const sha256 = createHash('sha256')
          .update(await readAll(job.message))
          .digest('hex')
        got.push({ id: job.id ?? '', to: job.recipients.map(({ address }) => address.toString()), sha256, job })
        return OK
      },
      { store },
    )
    const { engine, time } = bench
    time.step(wroteAt - time.now())
    const settled = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
      // Minutes of the engine's time for the retries, and turns of the event loop for the disk.
      for (let turn = 0; !(await isSo()); turn++) {
        assert.ok(
          turn < 600,
          `got ${got.map(({ id, to }) => `${id} ${to}`).join('; ')}; ${JSON.stringify(await store.stats())}`,
        )
        await time.pass(5_000)
        await sleep(5)
      }
    }
    const named = (name: string): Recorded => messages.find((each) => each.name === name) ?? assert.fail(name)

    const before = await store.stats()
    assert.deepEqual([before.held, before.waiting, before.corrupt, before.unreturned], [1, 1, 1, unreturned])
    assert.equal((await store.getFinished(named('finished').id))?.recipients[0]?.state.fate, 'relayed')
    const setAside: string[] = []
    for await (const { id } of store.corrupt()) setAside.push(id)
    assert.deepEqual(setAside, [named('set-aside').id])

    engine.start()
    // What is left: the one that is held, and the one whose destination is suspended.
    await settled(async () => problems.length > 0 && (await store.stats()).messages === 2)
    const [damaged] = problems
    assert.deepEqual([problems.length, damaged?.code], [1, 'ERR_QUEUE_CORRUPT'])
    assert.match(damaged?.message ?? '', new RegExp(named('damaged').id))
    const notifications = got.filter(({ job }) => job.from === undefined)
    assert.deepEqual(
      notifications.map(({ to }) => to),
      [['sender@example.org']],
    )
    for (const [name, to] of Object.entries(PENDING)) {
      const { id, sha256 } = named(name)
      const jobs = got.filter((each) => each.id === id)
      assert.deepEqual(
        jobs.map((each) => [each.to, each.sha256]),
        [[to, sha256]],
        name,
      )
    }
    assert.equal(got.length, notifications.length + Object.keys(PENDING).length)

    await store.resume('waits.test')
    await store.operate(named('held').id, { kind: 'release' }, time.now())
    await settled(async () => (await store.stats()).messages === 0)
    for (const name of ['held', 'waiting'])
      assert.deepEqual(
        got.filter(({ id }) => id === named(name).id).map(({ sha256 }) => sha256),
        [named(name).sha256],
        name,
      )
    const after = await store.stats()
    assert.deepEqual([after.scheduled, after.waiting, after.claimed, after.held, after.corrupt], [0, 0, 0, 0, 2])

    await engine.close(1_000)
    await store.close()
    await rm(folder, { recursive: true })
  })
