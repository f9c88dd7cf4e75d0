import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { answerCensus, type Census } from './census.ts'
import { memoryStore } from './memory-store.ts'

test('a queue answers who counts, until it is closed', async () => {
  const asked: Promise<unknown>[] = []
  const places: string[] = []
  const census: Census = {
    add(place, stats) {
      places.push(place)
      asked.push(stats)
    },
  }
  const store = memoryStore()
  const answering = answerCensus('here', store)
  channel('postroad:queue:census').publish(census)
  assert.deepEqual(places, ['here'])
  assert.deepEqual(await asked[0], await store.stats())
  answering.stop()
  channel('postroad:queue:census').publish(census)
  assert.equal(places.length, 1)
})
