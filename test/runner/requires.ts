/**
 * Brings up what a suite needs from the system: Debian packages, installed when we may.
 *
 * As root on Debian they are installed, and no service of theirs is started. Elsewhere the suite is skipped with the
 * command to run; under CI=true, where nothing may be skipped, it fails instead.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { programPath } from './program.ts'

// biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of dpkg-query
const STATUS_FORMAT = '-f=${db:Status-Status}'
/** Suites run beside each other; who installs must be alone. */
const LOCK = join(tmpdir(), 'postroad-install.lock')

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
  const script = join(import.meta.dirname, 'install.ts')
  const argv = [LOCK, process.execPath, script, ...packages]
  const { status, stderr } = spawnSync(programPath('flock'), argv, {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  if (status !== 0) throw new Error(stderr.trim())
}
