/** The published pairs of `pairs/`: each question gets its answer, however the octets are cut. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { PolicyAnswer } from './codec/action.ts'
import { formatAction, parseAction } from './codec/action.ts'
import { BlockReader } from './codec/attributes.ts'
import { formatBlock, readRequest } from './codec/request.ts'
import { asking, type Scope } from './fixture.test.ts'
import type { PolicyListenerOptions } from './options.ts'

interface Pair {
  readonly name: string
  readonly scope?: Scope
  readonly options?: Partial<PolicyListenerOptions>
  readonly ask: readonly Readonly<Record<string, string>>[]
  readonly answer: readonly string[]
  readonly hears?: readonly string[]
}

const read = <T>(name: string): T => JSON.parse(readFileSync(new URL(`../pairs/${name}.json`, import.meta.url), 'utf8'))
const { base, pairs } = read<{ base: Record<string, string>; pairs: readonly Pair[] }>('questions')
const { answers } = read<{ answers: readonly { action: string; reads: PolicyAnswer }[] }>('answers')

test('there are sixty of them, each with a name of its own', () => {
  assert.ok(pairs.length + answers.length >= 60)
  assert.equal(new Set(pairs.map(({ name }) => name)).size, pairs.length)
})

for (const { name, scope, options, ask, answer, hears } of pairs)
  test(`question: ${name}`, async (t) => {
    const service = await asking(t, scope, options)
    const said: string[] = []
    for (const one of ask) said.push(await service.ask(formatBlock({ ...base, ...one })))
    assert.deepEqual(
      said,
      answer.map((one) => `action=${one}\n\n`),
    )
    if (hears) assert.deepEqual(service.heard, hears)
  })

for (const { action, reads } of answers)
  test(`answer: ${JSON.stringify(action)}`, () => {
    assert.deepEqual(parseAction(action), reads)
    if (reads.kind === 'unknown') return
    // What is written is read again as it was meant; a refusal says its status.
    const again = parseAction(formatAction(reads).slice('action='.length))
    assert.deepEqual({ ...again, status: undefined }, { ...reads, status: undefined })
  })

test('a block is the same wherever it is cut, with line ends of either kind, and nothing of it is kept', () => {
  for (const { ask } of pairs.slice(0, 20))
    for (const end of ['\n', '\r\n']) {
      const octets = Buffer.from(formatBlock({ ...base, ...ask[0] }).replaceAll('\n', end))
      const whole = new BlockReader().read(octets)
      assert.equal(whole?.used, octets.length)
      const request = readRequest(whole.attributes)
      for (let cut = 1; cut < octets.length; cut++) {
        const reader = new BlockReader()
        assert.equal(reader.read(octets.subarray(0, cut)), undefined)
        assert.ok(reader.isAmid)
        const block = reader.read(octets.subarray(cut))
        assert.equal(block?.used, octets.length - cut)
        assert.deepEqual(readRequest(block.attributes), request)
        assert.ok(!reader.isAmid)
      }
      const reader = new BlockReader()
      const single = [...octets].map((octet) => reader.read(Buffer.of(octet)))
      assert.deepEqual(single.filter(Boolean).length, 1)
      assert.deepEqual(readRequest(single.at(-1)?.attributes ?? new Map()), request)
    }
})
