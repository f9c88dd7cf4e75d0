/** What a changeset leads to: versions of those packages that must have a new one, and of no others. In a copy of the repository. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { announce, copyRepository, follow, versionsIn } from './rehearsal.ts'

const copy = await mkdtemp(path.join(os.tmpdir(), 'postroad-versions-'))
after(() => rm(copy, { recursive: true, force: true }))
copyRepository(copy)

describe('npm run release -- --version', () => {
  const cases: readonly (readonly [string, Record<string, string>, (changed: Record<string, string>) => void])[] = [
    [
      'a plugin that changes changes alone',
      { '@postroad/arc': 'minor' },
      (changed) => assert.deepEqual(changed, { '@postroad/arc': '0.2.0' }),
    ],
    [
      'a plugin that others are made of takes them along',
      { '@postroad/greylist': 'minor' },
      (changed) =>
        assert.deepEqual(changed, {
          '@postroad/catch': '0.1.1',
          '@postroad/greylist': '0.2.0',
          'create-postroad': '0.1.1',
        }),
    ],
    [
      'a repair of a package that others depend on reaches them by their range',
      { '@postroad/message': 'patch' },
      (changed) => assert.deepEqual(changed, { '@postroad/message': '0.1.1' }),
    ],
    [
      'what the scaffold writes into new plugins is what was released',
      { '@postroad/plugin': 'patch' },
      (changed) => assert.deepEqual(changed, { '@postroad/plugin': '0.1.1', 'create-postroad': '0.1.1' }),
    ],
    [
      'a plugin API that breaks takes along who is made of it, and makes no 1.0.0 of anything',
      { '@postroad/plugin': 'minor' },
      isBreak,
    ],
    [
      'a peer that breaks takes along who has it, and makes no 1.0.0 of it',
      { '@postroad/queue-engine': 'minor' },
      (changed) => {
        assert.equal(changed['@postroad/queue-engine'], '0.2.0')
        assert.equal(changed['@postroad/testing'], '0.2.0')
      },
    ],
  ]
  for (const [name, bumps, check] of cases)
    test(name, async () => {
      const before = versionsIn(copy)
      announce(copy, bumps)
      await follow(copy, process.execPath, {
        args: ['--conditions=@postroad/source', 'test/kit/release.ts', '--version'],
      })
      const changed = Object.entries(versionsIn(copy)).filter(([one, version]) => before[one] !== version)
      check(Object.fromEntries(changed))
      await follow(copy, 'git', { args: ['checkout', '-q', '.'] })
      await follow(copy, 'git', { args: ['clean', '-qfd'] })
    })
})

test('what changed stands in the changelog, above the first release', async () => {
  announce(copy, { '@postroad/greylist': 'patch' })
  await follow(copy, process.execPath, { args: ['--conditions=@postroad/source', 'test/kit/release.ts', '--version'] })
  assert.match(
    await readFile(path.join(copy, 'plugins/greylist/CHANGELOG.md'), 'utf8'),
    /^# @postroad\/greylist\n\n## 0\.1\.1\n.*A rehearsal\.\n\n## 0\.1\.0\n\nThe first release\.\n$/s,
  )
})

function isBreak(changed: Readonly<Record<string, string>>): void {
  assert.deepEqual(
    Object.values(changed).filter((version) => !/^0\.[12]\.[01]$/.test(version)),
    [],
  )
  for (const name of ['@postroad/plugin', '@postroad/greylist', '@postroad/testing', 'postroad'])
    assert.equal(changed[name], '0.2.0', name)
  assert.equal(changed['@postroad/message'], undefined)
}
