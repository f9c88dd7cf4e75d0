/** Runs the command `postroad` as an operator does, in a folder from which the packages are found. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { makeTestFolder } from '../runner/folder.ts'
import { ROOT } from '../structure/workspace.ts'

const BIN = path.join(ROOT, 'packages/cli/src/bin.ts')

/** What a command came to. */
export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** A new folder inside the repository, so that the packages are found as they are where they are installed. */
export async function makeFolder(): Promise<string> {
  return makeTestFolder('kit')
}

/** Starts `postroad …`; standard input is closed. `stdio` of `spawn` may be given first. */
export function startCommand(folder: string, ...args: readonly (string | Pick<SpawnOptions, 'stdio'>)[]): ChildProcess {
  const words = args.filter((one) => typeof one === 'string')
  return spawnNode(folder, [BIN, ...words], args.find((one) => typeof one === 'object')?.stdio)
}

/** Starts a program with the Node of the repository. */
export function startNode(folder: string, ...args: readonly string[]): ChildProcess {
  return spawnNode(folder, args)
}

function spawnNode(
  folder: string,
  args: readonly string[],
  stdio: SpawnOptions['stdio'] = ['ignore', 'pipe', 'pipe'],
): ChildProcess {
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, FORCE_COLOR: undefined, NO_COLOR: '1' }
  return spawn(process.execPath, ['--conditions=@postroad/source', ...args], { cwd: folder, env, stdio })
}

/** Resolves when it has ended. */
export async function ended(child: ChildProcess): Promise<Ran> {
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  const [code] = (await once(child, 'close')) as [number | null] // as Node documents it
  return { code, out: out(), err: err() }
}

/** Gathers what a stream says; call the result to see it. */
export function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  return () => text
}

/** Looks until there is something. @throws {Error} after 20 s */
export async function until<T>(look: () => T | undefined): Promise<T> {
  const deadline = Date.now() + 20_000
  for (;;) {
    const found = look()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error('nothing came')
    await new Promise((wake) => setTimeout(wake, 20))
  }
}
