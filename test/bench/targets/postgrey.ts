/** postgrey as Debian has it, at a UNIX socket. */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { programPath } from '../../runner/program.ts'
import { requires } from '../../runner/requires.ts'
import { usageOfTree } from '../process-tree.ts'
import { stopChild } from '../stop-child.ts'
import type { Target } from '../target.ts'

export const target: Target = {
  title: 'postgrey',
  async start({ folder, socket }) {
    const missing = requires('postgrey')
    if (missing) throw new Error(missing)
    const database = join(folder, 'database')
    mkdirSync(database)
    const isRoot = process.getuid?.() === 0
    if (isRoot) {
      chmodSync(folder, 0o777)
      execFileSync(programPath('chown'), ['postgrey', database])
    }
    const user = isRoot ? [] : [`--user=${process.getuid?.()}`]
    const args = [`--unix=${socket}`, `--dbdir=${database}`, '--delay=300', ...user]
    const child = spawn(programPath('postgrey'), args, { stdio: 'ignore' })
    return {
      usage: () => usageOfTree(child.pid ?? 0),
      close: () => stopChild(child),
    }
  },
}
