/** Every published plugin of Haraka, and Haraka itself, from npm in a folder outside of the repository's own modules; none of their scripts is run. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../runner/command.ts'
import { VERSIONS } from './versions.ts'

const HOME = join(import.meta.dirname, '../../var/haraka')
const MARK = join(HOME, 'installed')

/**
 * The folder whose `node_modules` has them.
 *
 * @throws {Error} with npm's words, when they cannot be had
 */
export async function installPlugins(): Promise<string> {
  const wanted = JSON.stringify({ name: 'haraka-plugins', private: true, dependencies: VERSIONS })
  if (existsSync(MARK) && readFileSync(MARK, 'utf8') === wanted) return HOME
  rmSync(HOME, { recursive: true, force: true })
  mkdirSync(HOME, { recursive: true })
  writeFileSync(join(HOME, 'package.json'), wanted)
  const { code, output } = await runCommand([
    'npm',
    'install',
    '--prefix',
    HOME,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--legacy-peer-deps',
  ])
  if (code !== 0) throw new Error(`not installed: plugins of Haraka: ${output.trim().slice(-1_000)}`)
  writeFileSync(MARK, wanted)
  return HOME
}
