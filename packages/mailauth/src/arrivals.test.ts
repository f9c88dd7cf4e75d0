import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DataContext, MessageContext } from '@postroad/plugin'
import { Arrivals } from './arrivals.ts'

/** A check that says what it was fed, and counts how many were begun. */
function recorder(late = false) {
  let begun = 0
  const arrivals = new Arrivals<string>(() => {
    begun++
    let text = ''
    return {
      write: (chunk) => {
        text += Buffer.from(chunk).toString()
      },
      finish: () => (late ? new Promise((resolve) => setImmediate(resolve, text)) : text),
    }
  })
  return { arrivals, begun: () => begun }
}

const session = {}
/** `stored` is what a reader of the message sees. */
function contextOf(id: string, stored = 'stored', signal = new AbortController().signal) {
  const message = {
    async *raw() {
      yield Buffer.from(stored)
    },
  }
  return { session, envelope: { id }, message, signal } as unknown as DataContext & MessageContext
}

test('what arrived is not read again, and its result is there at once', async () => {
  const { arrivals, begun } = recorder()
  const sink = arrivals.listen(contextOf('a'))
  await sink.write(Buffer.from('arr'))
  await sink.write(Buffer.from('ived'))
  await sink.end?.()
  assert.equal(arrivals.finish(contextOf('a')), 'arrived')
  assert.equal(begun(), 1)
})

test('a message that did not arrive, or not to its end, or was another one, is read', async () => {
  const { arrivals } = recorder()
  assert.equal(await arrivals.finish(contextOf('a')), 'stored')
  await arrivals.listen(contextOf('b')).write(Buffer.from('half'))
  assert.equal(await arrivals.finish(contextOf('b')), 'stored')
  const sink = arrivals.listen(contextOf('c'))
  await sink.write(Buffer.from('other'))
  await sink.end?.()
  assert.equal(await arrivals.finish(contextOf('d')), 'stored')
  const aborted = arrivals.listen(contextOf('e'))
  await aborted.write(Buffer.from('gone'))
  await aborted.end?.()
  await aborted.abort?.()
  assert.equal(await arrivals.finish(contextOf('e')), 'stored')
})

test('a result that comes later is not waited for beyond the signal', async () => {
  const { arrivals } = recorder(true)
  const feed = async (id: string) => {
    const sink = arrivals.listen(contextOf(id))
    await sink.write(Buffer.from('slow'))
    await sink.end?.()
  }
  await feed('a')
  assert.equal(await arrivals.finish(contextOf('a')), 'slow')
  await feed('b')
  const reason = new Error('enough')
  await assert.rejects(async () => arrivals.finish(contextOf('b', 'stored', AbortSignal.abort(reason))), reason)
})
