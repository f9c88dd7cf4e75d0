/** Nodes as processes, each on a loopback address of its own. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../interop/loopback.ts'
import type { NodeSettings } from './node.ts'

const START_LIMIT_MS = 30_000

/** One node: a process that can be stopped, killed, and started again at the same address. */
export class Node implements AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly #settings: NodeSettings
  #child: ChildProcess | undefined
  #isListening = false
  /** What it printed. */
  said = ''

  private constructor(settings: NodeSettings) {
    this.#settings = settings
    this.host = settings.host
    this.port = settings.port
  }

  /** @param at decides its address: 127.0.0.(10 + at) */
  static async start(at: number, settings: Omit<NodeSettings, 'host' | 'port' | 'folder'>): Promise<Node> {
    const [port = 0] = await freePorts(1)
    const folder = mkdtempSync(join(tmpdir(), 'pr-node-'))
    const node = new Node({ ...settings, host: `127.0.0.${10 + at}`, port, folder })
    await node.start()
    return node
  }

  get isListening(): boolean {
    return this.#isListening
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  async start(): Promise<void> {
    const child = fork(join(import.meta.dirname, 'node.ts'), [JSON.stringify(this.#settings)], {
      execArgv: ['--conditions=@postroad/source'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    this.#child = child
    child.once('exit', () => (this.#isListening = false))
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said = (this.said + text).slice(-50_000)
      })
    const gone = once(child, 'exit').then(() => 'gone')
    const isReady = await Promise.race([once(child, 'message', { signal: AbortSignal.timeout(START_LIMIT_MS) }), gone])
    if (isReady === 'gone') throw new Error(`the node does not start:\n${this.said.slice(-3_000)}`)
    this.#isListening = true
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** SIGTERM: it gives back what it has. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.#settings.folder, { recursive: true, force: true })
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    this.#isListening = false
    const gone = once(child, 'exit')
    child.kill(signal)
    const limit = setTimeout(() => child.kill('SIGKILL'), 30_000)
    await gone
    clearTimeout(limit)
  }
}
