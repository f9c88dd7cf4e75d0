/** Runs a worker on a disk whose every write is recorded, see `record.c`. */
import { execFile, execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { programPath } from '../runner/program.ts'
import { readRecord } from './disk.ts'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** What a worker of this folder does to the files of `folder/work`, its first argument. */
export async function recordWork(
  folder: string,
  worker: string,
  ...args: readonly string[]
): Promise<ReturnType<typeof readRecord>> {
  const library = join(folder, 'record.so')
  execFileSync(programPath('gcc'), ['-shared', '-fPIC', '-O1', '-o', library, here('record.c'), '-ldl', '-lpthread'])
  const work = join(folder, 'work')
  const env = { ...process.env, LD_PRELOAD: library, RECORD_FOLDER: work, RECORD_LOG: join(folder, 'log') }
  await promisify(execFile)(process.execPath, ['--conditions=@postroad/source', here(worker), work, ...args], { env })
  return readRecord(await readFile(join(folder, 'log')))
}
