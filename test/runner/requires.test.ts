import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { requires } from './requires.ts'

const MISSING = 'postroad-no-such-package'

/** Asks in a process that takes itself for somebody who is not root, and so cannot install anything. */
function askWithoutRoot(env: NodeJS.ProcessEnv) {
  const module = JSON.stringify(new URL('./requires.ts', import.meta.url).href)
  const script = `process.getuid = () => 1000\nconst { requires } = await import(${module})\nconsole.log(requires('dpkg', '${MISSING}'))`
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' })
}

test('what is installed is not a reason to skip', () => {
  assert.equal(requires('dpkg'), false)
})

test('who is not root gets a reason to skip that says what to run, and names only what is missing', () => {
  const { stdout } = askWithoutRoot({ PATH: process.env['PATH'] })
  assert.equal(
    stdout,
    `not installed: ${MISSING}; as root: apt-get update && apt-get install -y --no-install-recommends ${MISSING}\n`,
  )
})

test('under CI=true the same is a failure', () => {
  const { status, stderr } = askWithoutRoot({ PATH: process.env['PATH'], CI: 'true' })
  assert.equal(status, 1)
  assert.match(stderr, new RegExp(`Error: not installed: ${MISSING}`))
})
