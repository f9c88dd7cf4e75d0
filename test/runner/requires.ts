/**
 * Brings up what a suite needs from the system: Debian packages, installed when we may.
 *
 * As root on Debian they are installed, and no service of theirs is started. Elsewhere the suite is skipped with the
 * command to run; under CI=true, where nothing may be skipped, it fails instead.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { programPath, systemPath } from './program.ts'

const POLICY = '/usr/sbin/policy-rc.d'
// biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of dpkg-query
const STATUS_FORMAT = '-f=${db:Status-Status}'
const INSTALL_LIMIT_MS = 240_000

/**
 * Makes sure that Debian packages are installed. To be called at the top of a test file.
 *
 * @returns `false`, or the reason to skip, for the `skip` option of `test` and `describe`
 * @throws {Error} when a package is missing under CI=true, or its installation fails
 * @example const skip = requires('dovecot-lmtpd', 'swaks')
 */
export function requires(...packages: readonly string[]): string | false {
  const missing = packages.filter((name) => !isInstalled(name))
  if (missing.length === 0) return false
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    const reason = `not installed: ${missing.join(', ')}; as root: apt-get update && ${command}`
    if (process.env['CI'] === 'true') throw new Error(reason)
    return reason
  }
  install(missing)
  return false
}

/** Whether Debian's package manager has the package, configured. */
function isInstalled(name: string): boolean {
  const { stdout } = spawnSync(programPath('dpkg-query'), ['-W', STATUS_FORMAT, name], { encoding: 'utf8' })
  return stdout === 'installed'
}

function install(packages: readonly string[]): void {
  process.stderr.write(`installing ${packages.join(', ')}\n`)
  // invoke-rc.d asks this program whether a service may be started; 101 says no. A program that is already there is the machine's own.
  const isOurs = !existsSync(POLICY)
  if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    // A new machine has no package lists at all, an old one has stale ones: look again only when what is there does not do.
    const first = apt(['install', ...packages])
    if (first.code === 0) return
    const update = apt(['update'])
    const second = apt(['install', ...packages])
    if (second.code !== 0) throw new Error(explain(packages, `${update.output}\n${second.output}`))
  } finally {
    if (isOurs) rmSync(POLICY, { force: true })
  }
}

function apt(args: readonly string[]): { readonly code: number | null; readonly output: string } {
  const options = ['-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=1']
  const env = { ...process.env, PATH: systemPath(), DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1' }
  const { status, stdout, stderr } = spawnSync(programPath('apt-get'), [...options, ...args], {
    encoding: 'utf8',
    env,
    timeout: INSTALL_LIMIT_MS,
    input: '',
  })
  return { code: status, output: `${stdout}${stderr}` }
}

function explain(packages: readonly string[], output: string): string {
  const offline =
    /Temporary failure resolving|Could not resolve|Unable to connect|Could not connect|Network is unreachable|Failed to fetch/.test(output)
  const cause = offline ? 'the Debian mirror cannot be reached: is the network away?' : 'apt-get refused'
  const lines = output.split('\n').filter((line) => /^(?:E:|W:|Err)/.test(line))
  return `cannot install ${packages.join(', ')}: ${cause}\n${[...new Set(lines)].slice(-8).join('\n')}`
}
