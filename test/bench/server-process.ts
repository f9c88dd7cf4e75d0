/** A target in a process of its own, as the bench sees it. */
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePorts, waitForBanner } from '../interop/loopback.ts'
import { programPath } from '../runner/program.ts'
import { clearFolder, makeFolder, SOCKET } from './folder.ts'
import type { Question } from './host.ts'
import { type ThreadTime, threadTimeOf, workOf } from './process-tree.ts'
import { stripTests } from './stripped.ts'
import type { Usage } from './target.ts'

const CLOSE_LIMIT_MS = 5_000
const START_LIMIT_MS = 30_000

const folders = new Set<string>()

/** Ends every target that runs, and all it has started: for the end of a bench that was cut short. */
export function endServers(): void {
  for (const folder of folders) clearFolder(folder)
}

/** Lists for `stripped.mjs`, by checkout. */
const STRIPPED = new Map<string, string>()

function stripped(tree: string): string {
  const known = STRIPPED.get(tree) ?? stripTests(tree)
  STRIPPED.set(tree, known)
  return known
}

const HERE = fileURLToPath(new URL('.', import.meta.url))

/** How a target is started. */
export interface StartOptions {
  /** Arguments for its node. */
  readonly execArgv?: readonly string[]
  /** Another checkout, built, whose target it is. Default: this one. */
  readonly tree?: string | undefined
  /** It listens at its UNIX socket, and says nothing first. */
  readonly isSilent?: boolean
  /** It has one core, with all it starts. */
  readonly oneCore?: boolean
}

/** A started target. */
export class ServerProcess {
  readonly name: string
  /** Name of its file, from whichever checkout it is. */
  readonly target: string
  readonly port: number
  readonly #child: ChildProcess
  readonly #folder: string
  #said = ''

  private constructor(name: string, port: number, here: string, execArgv: readonly string[]) {
    this.name = name
    this.target = name.replace(/@before$/, '')
    this.port = port
    this.#folder = makeFolder()
    folders.add(this.#folder)
    // Built code, as users run it: without the condition that picks the sources.
    this.#child = fork(join(here, 'host.ts'), [], {
      execArgv: ['--expose-gc', '--import', new URL('stripped.mjs', import.meta.url).href, ...execArgv],
      env: {
        ...process.env,
        NODE_ENV: 'production',
        NODE_OPTIONS: '',
        BENCH_STRIPPED: stripped(dirname(dirname(here))),
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      cwd: this.#folder,
    })
    this.#child.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => (this.#said = (this.#said + text).slice(-4_000)))
  }

  /**
   * Starts a target of `targets/` and waits until it greets. One of another checkout is called `name@before`.
   *
   * @throws {Error} with what it said, when it does not
   */
  static async start(
    name: string,
    sinkPort: number,
    { execArgv = [], tree, isSilent = false, oneCore = false }: StartOptions = {},
  ): Promise<ServerProcess> {
    const [port = 0] = await freePorts(1)
    const here = tree === undefined ? HERE : join(tree, 'test', 'bench')
    const server = new ServerProcess(tree === undefined ? name : `${name}@before`, port, here, execArgv)
    try {
      const file = join(here, 'targets', `${name}.ts`)
      // All threads, and whatever is started later.
      if (oneCore) execFileSync(programPath('taskset'), ['-a', '-c', '-p', '0', `${server.#child.pid}`])
      await server.#ask({ kind: 'start', file, port, sinkPort, folder: server.#folder })
      if (isSilent) await waitForSocket(server.socket)
      else await waitForBanner(port)
      return server
    } catch (error) {
      await server.stop()
      throw new Error(`${name} does not start: ${error instanceof Error ? error.message : error}\n${server.#said}`)
    }
  }

  /** How long its threads have run, and those of all it has started. */
  get threadTime(): ThreadTime {
    return threadTimeOf(this.#child.pid ?? 0)
  }

  /** Path of its UNIX socket, if it has one. */
  get socket(): string {
    return join(this.#folder, SOCKET)
  }

  /** What it has used until now. */
  async usage(): Promise<Usage> {
    return this.#usage({ kind: 'usage' })
  }

  /** The same, after its garbage has been collected. */
  async idleUsage(): Promise<Usage> {
    return this.#usage({ kind: 'idle' })
  }

  /** Does nothing, not even in the background, until it is resumed: others are measured. */
  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  async stop(): Promise<void> {
    this.resume()
    const { exitCode, signalCode } = this.#child
    if (exitCode === null && signalCode === null) {
      const gone = once(this.#child, 'exit')
      const limit = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_LIMIT_MS)
      await this.#ask({ kind: 'close' }).catch(() => undefined) // it is ended below anyway
      if (this.#child.connected) this.#child.disconnect()
      await gone
      clearTimeout(limit)
    }
    clearFolder(this.#folder)
    folders.delete(this.#folder)
  }

  async #usage(question: Question): Promise<Usage> {
    const usage = await this.#ask(question)
    if (usage === undefined) throw new Error(`${this.name} does not say what it has used`)
    const work = workOf(usage.pids)
    return work === undefined ? usage : { ...usage, work }
  }

  async #ask(question: Question): Promise<Usage | undefined> {
    this.#child.send(question)
    const gone = new AbortController()
    const exit = () => gone.abort(new Error(`${this.name} is gone: ${this.#said}`))
    this.#child.once('exit', exit)
    try {
      // `as`: what host.ts sends.
      const [{ value, error }] = (await once(this.#child, 'message', { signal: gone.signal })) as [
        { value?: Usage; error?: string },
      ]
      if (error !== undefined) throw new Error(error)
      return value
    } catch (error) {
      throw gone.signal.aborted ? gone.signal.reason : error
    } finally {
      this.#child.off('exit', exit)
    }
  }
}

/** @throws {Error} when nobody takes a connection there within half a minute */
async function waitForSocket(path: string): Promise<void> {
  const end = performance.now() + START_LIMIT_MS
  while (!(await isOpen(path))) {
    if (performance.now() > end) throw new Error(`nobody listens at ${path}`)
    await sleep(25)
  }
}

function isOpen(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const end = (value: boolean) => {
      socket.destroy()
      resolve(value)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}
