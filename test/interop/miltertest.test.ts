/** miltertest of OpenDKIM, a mail server of its own making, and its cases in Lua against our milter server. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { freePorts } from './loopback.ts'
import { type Filter, startFilter } from './milter-judge.ts'

const skip = requires('miltertest')
const SCRIPT = join(import.meta.dirname, 'miltertest.lua')
const cases = [...readFileSync(SCRIPT, 'utf8').matchAll(/^function cases\.(\w+)/gm)].map(([, name = '']) => name)
const run = promisify(execFile)

let filter: Filter | undefined
let port = 0
before(async () => {
  ;[port = 0] = await freePorts(1)
  filter = await startFilter({ port })
})
after(async () => filter?.[Symbol.asyncDispose]())

test('there are twenty cases', () => assert.ok(cases.length >= 20))

for (const name of cases)
  test(`miltertest: ${name}`, { skip }, async () => {
    const argv = ['-D', `port=${port}`, '-D', `case=${name}`, '-s', SCRIPT]
    const { stdout } = await run(programPath('miltertest'), argv, { timeout: 60_000 }).catch(
      (error: { stdout?: string; stderr?: string }) => assert.fail(`${error.stdout}${error.stderr}`),
    )
    assert.match(stdout, new RegExp(`well: ${name}`))
  })
