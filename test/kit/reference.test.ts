/** The generated pages of the reference are those of the code. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readReference, referencePages, stalePages } from './reference.ts'

const pages = await referencePages()

test('docs/reference is what the code says: npm run api', () => {
  const stale = [...pages].filter(([file, text]) => readReference(file) !== text).map(([file]) => file)
  assert.deepEqual([...stale, ...stalePages(pages)], [])
})

test('commands, facts and services were found', () => {
  assert.match(pages.get('docs/reference/commands.md') ?? '', /## postroad start\n[\s\S]*## postroad replay\n/)
  assert.match(
    pages.get('docs/reference/facts.md') ?? '',
    /\| `spf` \| `spfFact` of `@postroad\/authres` \| transaction \| .* \| [^|]*`@postroad\/spf` \|/,
  )
  assert.match(
    pages.get('docs/reference/services.md') ?? '',
    /\| `store` \| `Store` of `@postroad\/plugin` \| .*`@postroad\/greylist`/,
  )
})
