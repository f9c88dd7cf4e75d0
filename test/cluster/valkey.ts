/** A server that is newer than Debian 12's Redis: Valkey, of the backports, unpacked beside the dependencies and never installed. */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { findProgram, programPath } from '../runner/program.ts'

const PLACE = join(import.meta.dirname, '../../node_modules/.cache/valkey')
const LIMIT_MS = 120_000

/** Where the program is, or why there is none: `skip` as `requires` has it. */
export function requiresValkey(): { readonly skip: string | false; readonly program: string } {
  const program = join(PLACE, 'valkey-server')
  const installed = findProgram('valkey-server')
  if (installed !== undefined) return { skip: false, program: installed }
  if (existsSync(program)) return { skip: false, program }
  if (!existsSync('/usr/bin/apt-get')) return absent('not on Debian')
  try {
    unpack()
    return { skip: false, program }
  } catch (error) {
    return absent(error instanceof Error ? error.message.slice(0, 300) : String(error))
  }
}

function absent(why: string): { skip: string; program: string } {
  const skip = `not installed: valkey-server, and it could not be had from the backports (${why})`
  // Where nothing may be skipped.
  if (process.env['CI'] === 'true') throw new Error(skip)
  return { skip, program: '' }
}

/** With lists of its own: the machine's sources stay as they are. */
function unpack(): void {
  mkdirSync(dirname(PLACE), { recursive: true })
  const folder = mkdtempSync(`${PLACE}-`)
  try {
    for (const each of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(folder, each), { recursive: true })
    const codename = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? ''
    const mirror = apt(
      ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', `Codename: ${codename}`],
      folder,
    )
    const list = join(folder, 'backports.list')
    const key = '/usr/share/keyrings/debian-archive-keyring.gpg'
    writeFileSync(list, `deb [signed-by=${key}] ${mirror.split('\n')[0]} ${codename}-backports main\n`)
    const own = {
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::Etc::sourcelist': list,
      'Dir::State::lists': join(folder, 'lists'),
      'Dir::Cache': join(folder, 'cache'),
    }
    const options = Object.entries(own).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    apt([...options, 'update'], folder)
    apt([...options, 'download', 'valkey-tools'], folder)
    const [file = ''] = globSync(join(folder, '*.deb'))
    execFileSync(programPath('dpkg-deb'), ['-x', file, join(folder, 'root')])
    const place = join(folder, 'place')
    renameSync(join(folder, 'root/usr/bin'), place)
    // One program with several names; the name of the server is in another package.
    symlinkSync('valkey-check-rdb', join(place, 'valkey-server'))
    execFileSync(join(place, 'valkey-server'), ['--version'])
    renameSync(place, PLACE)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function apt(args: readonly string[], cwd: string): string {
  return execFileSync(programPath('apt-get'), ['-q', ...args], {
    cwd,
    encoding: 'utf8',
    timeout: LIMIT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
