import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseDuration, parseLimit, parseSize } from './unit.ts'
import { parseLines, watchFile } from './watched-file.ts'

test('durations have units, and are milliseconds without', () => {
  const table: [string, number | undefined][] = [
    ['0', 0],
    ['250', 250],
    ['5 min', 300_000],
    ['5m', 300_000],
    ['250ms', 250],
    ['90s', 90_000],
    ['4h', 14_400_000],
    ['5d', 432_000_000],
    ['5 d', 432_000_000],
    ['5  days', 432_000_000],
    ['1.5h', 5_400_000],
    ['36 days', 3_110_400_000],
    ['2 Weeks', 1_209_600_000],
    ['', undefined],
    ['min', undefined],
    ['5 years', undefined],
    ['-1 s', undefined],
    ['1e9', undefined],
  ]
  for (const [text, expected] of table) assert.equal(parseDuration(text), expected, text)
})

test('sizes have units, and are octets without', () => {
  const table: [string, number | undefined][] = [
    ['7', 7],
    ['7 B', 7],
    ['10 MB', 10_000_000],
    ['1MiB', 1_048_576],
    ['', undefined],
    ['MB', undefined],
    ['1.5 MB', undefined],
  ]
  for (const [text, expected] of table) assert.equal(parseSize(text), expected, text)
})

test('limits are so many in a time, or so many at once', () => {
  const table: [string, unknown][] = [
    ['100/h', { amount: 100, perMs: 3_600_000 }],
    ['10 per 15 min', { amount: 10, perMs: 900_000 }],
    ['10 / 15min', { amount: 10, perMs: 900_000 }],
    ['5 MB/day', { amount: 5_000_000, perMs: 86_400_000 }],
    ['1 MiB/s', { amount: 1_048_576, perMs: 1_000 }],
    ['20 at once', { atOnce: 20 }],
    ['0/h', undefined],
    ['0 at once', undefined],
    ['100', undefined],
    ['100/', undefined],
    ['100/0 h', undefined],
    ['100 parsecs/h', undefined],
  ]
  for (const [text, expected] of table) assert.deepEqual(parseLimit(text), expected, text)
})

test('any text is an amount or not, and never an error', () => {
  fc.assert(
    fc.property(fc.string(), (text) => void [parseDuration(text), parseLimit(text), parseLines(text, (line) => line)]),
  )
})

test('a list has one entry a line; comments and empty lines are none', () => {
  assert.deepEqual(
    parseLines('# ours\r\n\r\n 192.0.2.0/24 \t office two\nb\n', (line) => line),
    [['192.0.2.0/24', 'office', 'two'], ['b']],
  )
})

test('a watched file is read again when it has changed, and keeps its value while it is wrong', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-'))
  const path = join(folder, 'list')
  const errors: Error[] = []
  const parse = (text: string): number => {
    if (!/^\d+$/.test(text)) throw new Error('not a number')
    return Number(text)
  }
  await assert.rejects(watchFile({ path, parse, onError: (error) => errors.push(error) }), /ENOENT/)
  await writeFile(path, '1')
  const file = await watchFile({ path, parse, onError: (error) => errors.push(error) })
  assert.equal(file.value, 1)
  await writeFile(path, '22')
  await file.refresh()
  assert.equal(file.value, 22)
  await writeFile(path, 'half an ed')
  await file.refresh()
  assert.equal(file.value, 22)
  assert.match(errors[0]?.message ?? '', /not a number/)
  await rm(path)
  await file.refresh()
  assert.equal(file.value, 22)
  await writeFile(path, '333')
  await file.refresh()
  assert.equal(file.value, 333)
  file.close()
  await rm(path)
  const absent = await watchFile({ path, parse, absent: '0', onError: (error) => errors.push(error) })
  assert.equal(absent.value, 0)
  await writeFile(path, '4')
  await absent.refresh()
  assert.equal(absent.value, 4)
  absent.close()
  await rm(folder, { recursive: true })
})
