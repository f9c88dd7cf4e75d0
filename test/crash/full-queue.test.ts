/** A queue on a disk without a free octet: it can be looked at, deleted from, and delivered from, by commands and by a server that starts. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { programPath } from '../runner/program.ts'

test('on a full disk commands read and make room, and a server that starts delivers', {
  skip: !canMount() && 'needs to mount a file system (root, unshare)',
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postroad-full-'))
  const mail = await mkdtemp(join(tmpdir(), 'postroad-mail-'))
  t.after(() => Promise.all([folder, mail].map((each) => rm(each, { recursive: true, force: true }))))
  const worker = fileURLToPath(new URL('full-queue-worker.ts', import.meta.url))
  const script = 'mount -t tmpfs -o size=12m tmpfs "$1" && exec "$2" --conditions=@postroad/source "$3" "$1" "$4"'
  await promisify(execFile)(
    programPath('unshare'),
    ['-m', 'sh', '-c', script, 'sh', folder, process.execPath, worker, mail],
    {
      timeout: 120_000,
    },
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
