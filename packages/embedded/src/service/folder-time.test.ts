import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Anchor, FolderTime } from './folder-time.ts'

const HOUR = 3_600_000
const WALL = 1_790_000_000_000

/** A machine: what its clocks show, and since when it is up. */
class Machine {
  wall = WALL
  elapsed = 5_000
  boot = 'first'

  time(anchor?: Anchor): FolderTime {
    return new FolderTime(
      { now: () => this.wall, monotonic: () => this.elapsed, sleep: async () => undefined },
      anchor,
      this.boot,
    )
  }

  pass(ms: number): void {
    this.wall += ms
    this.elapsed += ms
  }

  restart(offMs: number): void {
    this.wall += offMs
    this.elapsed = 1_000
    this.boot += "'s successor"
  }
}

test('a folder begins with the time of the wall', () => {
  const machine = new Machine()
  assert.equal(machine.time().now(), WALL)
})

for (const step of [HOUR, -HOUR, 90, -90])
  test(`a wall clock that is set by ${step} ms changes nothing, for who is there and for who starts later`, () => {
    const machine = new Machine()
    const time = machine.time()
    const anchor = time.anchor(undefined)
    machine.pass(100)
    machine.wall += step
    machine.pass(100)
    assert.deepEqual([time.now(), machine.time(anchor).now()], [WALL + 200, WALL + 200])
  })

test('how long the machine was off the wall says, and never less than nothing', () => {
  for (const [offMs, passed] of [
    [HOUR, HOUR],
    [-HOUR, 0],
  ] as const) {
    const machine = new Machine()
    machine.pass(1_000)
    const anchor = machine.time().anchor(undefined)
    machine.restart(offMs)
    const time = machine.time(anchor)
    machine.pass(10)
    assert.equal(time.now(), WALL + 1_000 + passed + 10)
  }
})

test('where nobody knows the boot the wall is asked once, at the start', () => {
  const machine = new Machine()
  machine.boot = ''
  const time = machine.time()
  const anchor = time.anchor(undefined)
  machine.pass(1_000)
  assert.equal(machine.time(anchor).now(), WALL + 1_000)
  machine.wall += HOUR
  assert.equal(time.now(), WALL + 1_000)
})

test('an anchor of another machine moves a time forth and never back', () => {
  const machine = new Machine()
  const time = machine.time()
  for (const [ahead, expected] of [
    [500, 500],
    [-500, 500],
  ] as const) {
    const written = time.anchor({ at: WALL + ahead, wall: 0, elapsed: 9_000, boot: 'another' })
    assert.deepEqual([written.at, time.now()], [WALL + expected, WALL + expected])
  }
})

test('an anchor is due at first, and again after a minute', () => {
  const machine = new Machine()
  const time = machine.time()
  assert.equal(time.isStale, true)
  const anchor = time.anchor(undefined)
  assert.deepEqual([time.isStale, machine.time(anchor).isStale], [false, false])
  machine.pass(60_000)
  assert.deepEqual([time.isStale, machine.time(anchor).isStale], [true, true])
  machine.restart(0)
  assert.equal(machine.time(anchor).isStale, true)
})
