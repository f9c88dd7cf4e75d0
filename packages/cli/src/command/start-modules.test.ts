import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

/** What only some servers need, and loads when they do: a quarter of the memory of one that is idle. */
const LATER = [
  'packages/doctor/',
  'node_modules/mailauth/',
  'node_modules/htmlparser2/',
  'node_modules/yaml/',
  // Node's own fetch: whoever imports node:http brings it, see `packages/trace/src/control.ts`.
  'internal/deps/undici',
]

test('the start of a server loads nothing that only some servers need', async () => {
  const start = new URL('start.ts', import.meta.url).href
  const program = `
    import { registerHooks } from 'node:module'
    const seen = []
    registerHooks({ load(url, context, next) { seen.push(url); return next(url, context) } })
    await import(${JSON.stringify(start)})
    seen.push(...process.moduleLoadList)
    console.log(JSON.stringify(seen))`
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@postroad/source', '--no-warnings', '--input-type=module', '--eval', program],
    { maxBuffer: 16 * 1024 * 1024 },
  )
  const seen: readonly string[] = JSON.parse(stdout)
  assert.ok(seen.some((url) => url.includes('packages/core/')))
  assert.deepEqual(
    seen.filter((url) => LATER.some((part) => url.includes(part))),
    [],
  )
})
