/** Haraka, installed by npm in the versions of our lock file, outside of the repository's own modules: it is a peer, not a part. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommand } from '../../runner/command.ts'

const HERE = dirname(fileURLToPath(import.meta.url))
const HOME = join(HERE, '../../../var/bench/haraka')
const FILES = ['package.json', 'package-lock.json']
/** Written last: what has it is whole. */
const MARK = 'installed'

/**
 * The folder of Haraka's package.
 *
 * @throws {Error} `not installed: …` with npm's words, when it cannot be had
 */
export async function installHaraka(): Promise<string> {
  const wanted = FILES.map((name) => readFileSync(join(HERE, name), 'utf8')).join()
  const mark = join(HOME, MARK)
  if (!existsSync(mark) || readFileSync(mark, 'utf8') !== wanted) {
    rmSync(HOME, { recursive: true, force: true })
    mkdirSync(HOME, { recursive: true })
    for (const name of FILES) cpSync(join(HERE, name), join(HOME, name))
    // Nothing of it has a script that it needs.
    const { code, output } = await runCommand([
      'npm',
      'ci',
      '--prefix',
      HOME,
      '--omit=dev',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
    ])
    if (code !== 0) throw new Error(`not installed: Haraka: ${output.trim()}`)
    writeFileSync(mark, wanted)
  }
  return join(HOME, 'node_modules/Haraka')
}
