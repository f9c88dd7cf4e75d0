import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const module = JSON.stringify(new URL('./program.ts', import.meta.url).href)

/** Asks in a process whose PATH is a user's of Debian. */
function askAs(path: string, code: string): string {
  const script = `const { programPath, findProgram, systemPath } = await import(${module})\nconsole.log(${code})`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: path },
    encoding: 'utf8',
  })
  return stdout.trim() || stderr
}

test('a program of /usr/sbin is found by who has no such folder in the PATH, as an absolute path', () => {
  assert.match(askAs('/usr/bin:/bin', "programPath('useradd')"), /^\/.*sbin\/useradd$/)
})

test('the PATH goes first: what a user has put before the system’s is theirs', () => {
  assert.equal(askAs('/bin:/usr/bin', "findProgram('sh')"), '/bin/sh')
})

test('who asks for what is not there is told where was looked', () => {
  assert.match(
    askAs('/nowhere', "programPath('postroad-no-such-program')"),
    /there is no program postroad-no-such-program in \/nowhere:.*\/usr\/sbin/,
  )
  assert.equal(askAs('/nowhere', "findProgram('postroad-no-such-program')"), 'undefined')
})
