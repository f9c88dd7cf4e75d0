/** `node install.ts PACKAGE…`: what `requires` runs as root on Debian, one at a time. No service of theirs is started. */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { programPath, systemPath } from './program.ts'

const POLICY = '/usr/sbin/policy-rc.d'
const INSTALL_LIMIT_MS = 540_000

const packages = process.argv.slice(2)
try {
  install()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}

function install(): void {
  // invoke-rc.d asks this program whether a service may be started; 101 says no. A program that is already there is the machine's own.
  const isOurs = !existsSync(POLICY)
  if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    // A new machine has no package lists at all, an old one has stale ones: look again only when what is there does not do.
    const first = apt(['install', ...packages])
    if (first.code === 0) return
    // Whoever was ended in the middle, we for one, leaves packages that are not set up, and apt-get will do nothing before they are.
    if (/dpkg was interrupted/.test(first.output)) run('dpkg', ['--configure', '-a'])
    const update = apt(['update'])
    const second = apt(['install', ...packages])
    if (second.code !== 0) throw new Error(explain(`${update.output}\n${second.output}`))
  } finally {
    if (isOurs) rmSync(POLICY, { force: true })
  }
}

function apt(args: readonly string[]): { readonly code: number | null; readonly output: string } {
  const options = ['-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=1']
  return run('apt-get', [...options, ...args])
}

function run(program: string, args: readonly string[]): { readonly code: number | null; readonly output: string } {
  const env = { ...process.env, PATH: systemPath(), DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1' }
  const { status, stdout, stderr } = spawnSync(programPath(program), args, {
    encoding: 'utf8',
    env,
    timeout: INSTALL_LIMIT_MS,
    input: '',
  })
  return { code: status, output: `${stdout}${stderr}` }
}

function explain(output: string): string {
  const offline =
    /Temporary failure resolving|Could not resolve|Unable to connect|Could not connect|Network is unreachable|Failed to fetch/.test(
      output,
    )
  const cause = offline ? 'the Debian mirror cannot be reached: is the network away?' : 'apt-get refused'
  const lines = output.split('\n').filter((line) => /^(?:E:|W:|Err)/.test(line))
  return `cannot install ${packages.join(', ')}: ${cause}\n${[...new Set(lines)].slice(-8).join('\n')}`
}
