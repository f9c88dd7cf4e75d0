/** Mutants: every kind of change is found, at its place in the TypeScript. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applied, isProgram, mutantsOf } from './operators.ts'

function versions(source: string): string[] {
  return mutantsOf(source).map((mutant) => applied(source, mutant))
}

test('comparisons, logic, arithmetic, numbers and booleans change, and types stay where they are', () => {
  assert.deepEqual(versions('const a: boolean = b < 1'), [
    'const a: boolean = b <= 1',
    'const a: boolean = b >= 1',
    'const a: boolean = b < 2',
  ])
  assert.deepEqual(versions('const a = (x as string) ?? y'), ['const a = (x as string) && y'])
  assert.deepEqual(versions('const a = true'), ['const a = false'])
  assert.deepEqual(versions('const a = b + c'), ['const a = b - c'])
  assert.deepEqual(versions("const a = b + 'c'"), [])
})

test('conditions are taken for true and for false, loops only for false', () => {
  assert.deepEqual(versions('if (a) b()'), ['if (true) b()', 'if (false) b()', 'if (a) {}'])
  assert.deepEqual(versions('while (a) b()'), ['while (false) b()', 'while (a) {}'])
})

test('statements are left out, but not those that only log', () => {
  assert.deepEqual(versions('this.log.error({}, "x")'), [])
  assert.deepEqual(versions('this.state = x'), ['{}'])
})

test('returned values and calls that have an opposite change', () => {
  assert.deepEqual(versions('function f(): number { return x }'), ['function f(): number { return undefined }'])
  assert.deepEqual(versions('const a = b.some(c)'), ['const a = b.every(c)'])
})

test('imports are left alone, and the line is told', () => {
  assert.deepEqual(
    mutantsOf("import { a } from './a.ts'\n\nexport const b = !a").map(({ line, what }) => [line, what]),
    [[3, '! was left out']],
  )
})

test('a change that is no program any more is told', () => {
  assert.equal(isProgram('const a = b ?? c || d'), false)
  assert.equal(isProgram('const a: number = (b ?? c) || d'), true)
})
