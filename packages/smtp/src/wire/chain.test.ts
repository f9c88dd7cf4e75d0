import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Chain, type Linked } from './chain.ts'

class Item implements Linked<Item> {
  previous: Item | undefined
  next: Item | undefined
}

test('a chain holds what a set would hold, in the same order', () => {
  const items = Array.from({ length: 6 }, () => new Item())
  const step = fc.record({ index: fc.nat(5), adds: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const chain = new Chain<Item>()
      const set = new Set<Item>()
      for (const { index, adds } of steps) {
        const item = items[index] as Item // there are six
        if (adds && !set.has(item)) {
          chain.add(item)
          set.add(item)
        } else if (!adds) {
          chain.delete(item)
          set.delete(item)
        }
        assert.deepEqual([...chain], [...set])
      }
      for (const item of set) chain.delete(item)
      assert.ok(items.every(({ previous, next }) => previous === undefined && next === undefined))
    }),
  )
})

test('what is given may be taken out meanwhile', () => {
  const chain = new Chain<Item>()
  const items = [new Item(), new Item(), new Item()]
  for (const item of items) chain.add(item)
  const seen: Item[] = []
  for (const item of chain) {
    seen.push(item)
    chain.delete(item)
  }
  assert.deepEqual(seen, items)
  assert.deepEqual([...chain], [])
})
