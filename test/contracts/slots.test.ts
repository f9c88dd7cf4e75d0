import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limiterSlots } from '@postroad/queue-engine'
import { fakeClock, memoryLimiter } from '@postroad/testing'

test('slots of several processes are slots of one limiter, and come back once', async () => {
  const limiter = memoryLimiter(fakeClock())
  const [one, two] = [limiterSlots(limiter), limiterSlots(limiter)]
  const limits = { concurrency: 2 }
  const first = await one.enter('mx:a', limits)
  const second = await two.enter('mx:a', limits)
  const third = await one.enter('mx:a', limits)
  assert.deepEqual([first.kind, second.kind, third.kind], ['enter', 'enter', 'wait'])
  assert.equal((await one.enter('mx:b', limits)).kind, 'enter')
  assert.ok(first.kind === 'enter')
  for (let time = 0; time < 2; time++) await one.leave('mx:a', first.slot, { health: 'up' })
  assert.deepEqual([(await two.enter('mx:a', limits)).kind, (await one.enter('mx:a', limits)).kind], ['enter', 'wait'])
})

test('no more transactions begin in a second than allowed, whoever asks, however short they are', async () => {
  const clock = fakeClock()
  const limiter = memoryLimiter(clock)
  const processes = [limiterSlots(limiter), limiterSlots(limiter), limiterSlots(limiter)]
  for (const perSecond of [3, 2.5, 0.2]) {
    const begun: number[] = []
    for (const end = clock.now() + 20_000; clock.now() < end; await clock.advance(50))
      for (const slots of processes) {
        const answer = await slots.enter(`rate ${perSecond}`, { concurrency: 9, perSecond })
        if (answer.kind !== 'enter') continue
        begun.push(clock.now())
        await slots.leave('', answer.slot, { health: 'up' })
      }
    const most = Math.max(...begun.map((from) => begun.filter((at) => at >= from && at < from + 1_000).length))
    assert.ok(most <= Math.max(1, Math.ceil(perSecond)), `${most} in a second at ${perSecond}`)
    assert.ok(begun.length >= 18 * perSecond, `${begun.length} in 20 seconds at ${perSecond}`)
  }
})

test('a site of many hosts has a key that is short enough', async () => {
  const slots = limiterSlots({
    ...memoryLimiter(fakeClock()),
    async acquire(key) {
      assert.ok(key.length < 300)
      return { release: async () => {} }
    },
  })
  assert.equal(
    (await slots.enter(`mx:${'mx.example.com,'.repeat(100)}`, { concurrency: 1, perSecond: 1 })).kind,
    'enter',
  )
})
