/** A citation leads somewhere: the section that it names is one of the standard. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCitations } from './rfc-page.ts'
import { SECTIONS, UNLISTED } from './section.ts'

const cited = readCitations()

test('each section that is cited exists, where the sections of the standard are listed', () => {
  const missing = [...cited].flatMap(([rfc, sections]) => {
    const listed = SECTIONS.get(rfc)
    if (listed === undefined) return []
    return [...sections]
      .filter(([section]) => section !== '' && !listed.has(section))
      .map(
        ([section, { code, deviates, tests }]) =>
          `RFC ${rfc} §${section}: ${[...code, ...deviates, ...tests].join(', ')}`,
      )
  })
  assert.deepEqual(missing, [])
})

test('a standard that is cited by section has its sections listed, or is named as one that has not', () => {
  const without = [...cited]
    .filter(([rfc, sections]) => !SECTIONS.has(rfc) && [...sections.keys()].some((section) => section !== ''))
    .map(([rfc]) => rfc)
  assert.deepEqual(
    without.sort((a, b) => Number(a) - Number(b)),
    UNLISTED,
  )
})
