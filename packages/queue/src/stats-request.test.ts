import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { memoryStore } from '../../../test/contracts/queue/messages.ts'
import { answerStats, type StatsRequest } from './stats-request.ts'

test('a queue answers who counts, until it is closed', async () => {
  const asked: Promise<unknown>[] = []
  const queues: string[] = []
  const statsRequest: StatsRequest = {
    add(queue, stats) {
      queues.push(queue)
      asked.push(stats)
    },
  }
  const store = memoryStore()
  const answering = answerStats('here', store)
  channel('postroad:queue:stats').publish(statsRequest)
  assert.deepEqual(queues, ['here'])
  assert.deepEqual(await asked[0], await store.stats())
  answering.stop()
  channel('postroad:queue:stats').publish(statsRequest)
  assert.equal(queues.length, 1)
})
