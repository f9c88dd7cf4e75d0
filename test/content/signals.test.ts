/** What the documentation says of signals is what they are worth. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { thresholds } from '../../examples/mx-gateway-full/postroad.config.ts'
import { PAGE, PLACE, signalTable } from './signal-table.ts'

const page = readFileSync(PAGE, 'utf8')

test('docs/content.md has every signal with what it is worth: node test/content/signal-table.ts writes it', () => {
  assert.equal(PLACE.exec(page)?.[0], signalTable())
})

test('no single signal comes to the points at which the example sets mail aside, as the page says', () => {
  const points = [...signalTable().matchAll(/^\| ([\d.]+) \|/gm)].map(([, text]) => Number(text))
  assert.ok(points.length > 30)
  assert.ok(Math.max(...points) < thresholds.quarantine)
  assert.match(
    page,
    new RegExp(`${thresholds.tag} points mark .*${thresholds.quarantine} set .*${thresholds.reject} refuse`),
  )
})
