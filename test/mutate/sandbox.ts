/** A copy of the repository in which files may be broken: the sources are copied, what npm installed is linked. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { programPath } from '../runner/program.ts'

/** A folder of its own, removed when it is disposed of. */
export interface Sandbox extends Disposable {
  readonly folder: string
}

/** @throws {Error} when git or cp cannot do it */
export function makeSandbox(root: string): Sandbox {
  const folder = mkdtempSync(join(tmpdir(), 'postroad-mutate-'))
  const listed = execFileSync(programPath('git'), ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
  for (const path of listed.split('\0').filter(Boolean)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    cpSync(join(root, path), join(folder, path), { verbatimSymlinks: true })
  }
  const modules = join(root, 'node_modules')
  try {
    execFileSync(programPath('cp'), ['-al', modules, folder], { stdio: 'ignore' })
  } catch {
    rmSync(join(folder, 'node_modules'), { recursive: true, force: true })
    execFileSync(programPath('cp'), ['-a', modules, folder]) // another file system has no hard links to this one
  }
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}
