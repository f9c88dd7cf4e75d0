import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { installCommand } from './missing-package.ts'

const require = createRequire(import.meta.url)

async function failure(load: () => unknown): Promise<unknown> {
  try {
    await load()
  } catch (error) {
    return error
  }
  return assert.fail('it is there')
}

test('an absent package is named, however it was asked for and whatever its absence was wrapped in', async () => {
  for (const [specifier, name] of [
    ['no-such.package', 'no-such.package'],
    ['@acme/nowhere', '@acme/nowhere'],
    ['@acme/nowhere/part.js', '@acme/nowhere'],
    ['no-such/deep/part', 'no-such'],
  ] as const)
    for (const load of [() => import(specifier), () => require(specifier)]) {
      const error = await failure(load)
      assert.equal(installCommand(error), `npm install ${name}`)
      assert.equal(
        installCommand(new Error('outer', { cause: new Error('inner', { cause: error }) })),
        `npm install ${name}`,
      )
    }
})

test('a file that is absent is no package, and other errors are other errors', async () => {
  for (const specifier of ['./no-such.js', '/no/such.js', '../no/such', 'node:no-such'])
    for (const load of [() => import(specifier), () => require(specifier)])
      assert.equal(installCommand(await failure(load)), undefined, specifier)
  const endless = new Error('x')
  endless.cause = endless
  for (const error of [endless, undefined, null, 'text', new Error('Cannot find package')])
    assert.equal(installCommand(error), undefined)
})
