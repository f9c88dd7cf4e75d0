import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Circuit } from './circuit.ts'

test('requests that fail together have failed once: a moment of trouble is no wait of minutes', () => {
  const circuit = new Circuit(() => 1)
  for (let request = 0; request < 64; request++) circuit.failed(1_000 + request, 500)
  assert.deepEqual([circuit.failures, circuit.isOpen, circuit.readyAt], [1, false, 2_000])
  // One of them was told how long to wait.
  circuit.failed(1_100, 500, 60_000)
  assert.deepEqual([circuit.failures, circuit.readyAt], [1, 61_100])
})

test('those that fail one after the other wait twice as long each time, up to five minutes, until one is taken', () => {
  const circuit = new Circuit(() => 1)
  const waits: number[] = []
  for (let now = 1_000; waits.length < 11; now = circuit.readyAt + 10) {
    circuit.failed(now + 5, now)
    waits.push((circuit.readyAt - now - 5) / 1_000)
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
  assert.ok(circuit.isOpen)
  circuit.succeeded()
  assert.deepEqual([circuit.failures, circuit.isOpen, circuit.readyAt], [0, false, 0])
})
