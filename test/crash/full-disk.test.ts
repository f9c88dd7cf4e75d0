/** A disk that is really full: a small file system in memory, mounted where only the worker sees it. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { programPath } from '../runner/program.ts'

test('when the disk is full mail is refused, what was taken stays whole, and with room again all goes on', {
  skip: !canMount() && 'needs to mount a file system (root, unshare)',
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-full-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const worker = fileURLToPath(new URL('full-disk-worker.ts', import.meta.url))
  const script = 'mount -t tmpfs -o size=6m tmpfs "$1" && exec "$2" --conditions=@postroad/source "$3" "$1"'
  await promisify(execFile)(
    programPath('unshare'),
    ['-m', 'sh', '-c', script, 'sh', folder, process.execPath, worker],
    { timeout: 60_000 },
  )
})

function canMount(): boolean {
  try {
    execFileSync(programPath('unshare'), ['-m', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /mnt'], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}
