import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sampling } from './sampling.ts'

const mail = (id: string, reply = '250 2.0.0 Ok') => ({
  event: 'transaction',
  id,
  time: '2026-11-30T12:00:00Z',
  reply,
  ...(reply.startsWith('2') && { receipt: 'q' }),
})

test('fifty mails a second are told, the rest is counted by how it ended; then it is quiet again', () => {
  const sampling = new Sampling()
  assert.equal(sampling.tick(), undefined)
  let told = 0
  for (let n = 0; n < 250; n++) if (sampling.takes(mail(`S${n}.1`, n % 5 === 0 ? '550 5.1.1 No' : undefined))) told++
  assert.equal(told, 50)
  assert.equal(sampling.isBusy, true)
  assert.deepEqual(sampling.tick(), { count: 200, outcomes: { accepted: 160, refused: 40 } })
  for (let second = 0; second < 3; second++) {
    assert.equal(sampling.isBusy, true)
    assert.equal(sampling.takes(mail('X.1')), true)
    assert.equal(sampling.tick(), undefined)
  }
  assert.equal(sampling.isBusy, false)
})

test('what was told of while it was under way has an end on the page, however much there is', () => {
  const sampling = new Sampling()
  sampling.begun('A')
  sampling.begun('A.1')
  sampling.begun('B')
  for (let n = 0; n < 200; n++) sampling.takes(mail(`S${n}.1`))
  assert.equal(sampling.takes(mail('A.1')), true)
  assert.equal(sampling.takes(mail('A.1')), false, 'once')
  assert.equal(sampling.takes({ ...mail('B'), event: 'session' }), true)
  assert.equal(sampling.takes(mail('A.2')), false)
})

test('more than can be read are noticed also when all of them were told of while they were under way', () => {
  const sampling = new Sampling()
  for (let n = 0; n < 51; n++) {
    assert.equal(sampling.isBusy, false)
    sampling.begun(`S${n}.1`)
    assert.equal(sampling.takes(mail(`S${n}.1`)), true)
  }
  assert.equal(sampling.isBusy, true)
})
