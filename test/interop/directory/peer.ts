/** A server of a test as an ordinary process: started, killed, frozen and brought back, by its own id only. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { programPath, systemPath } from '../../runner/program.ts'

const START_LIMIT_MS = 90_000

/** For `spawn`: most databases refuse to be root. */
export interface Account {
  readonly name: string
  readonly ids: { readonly uid?: number; readonly gid?: number }
}

/** As whoever runs the tests, or as `nobody` when that is root. */
export function account(): Account {
  const { uid, username } = userInfo()
  const name = uid === 0 ? 'nobody' : username
  const id = (flag: string) => Number(execFileSync(programPath('id'), [flag, name], { encoding: 'utf8' }).trim())
  return { name, ids: uid === 0 ? { uid: id('-u'), gid: id('-g') } : {} }
}

/** A folder that is the account's. */
export function peerFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `pr-${name}-`))
  const { uid, gid } = account().ids
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
  return folder
}

/** Runs a program to its end as the account; what it said. */
export function runAsPeer(program: string, args: readonly string[], input = ''): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    input,
    cwd: tmpdir(),
    env: { PATH: systemPath(), LC_ALL: 'C' },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...account().ids,
  })
}

/** Settings of {@link Peer}. */
export interface PeerSettings {
  readonly folder: string
  readonly program: string
  readonly args: readonly string[]
  /** Asked until it resolves. */
  isReady(): Promise<unknown>
}

/** One server. */
export class Peer implements AsyncDisposable {
  readonly #settings: PeerSettings
  #child: ChildProcess | undefined
  #said = ''

  constructor(settings: PeerSettings) {
    this.#settings = settings
  }

  async start(): Promise<void> {
    const { program, args, isReady, folder } = this.#settings
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: folder,
      env: { PATH: systemPath(), LC_ALL: 'C' },
      ...account().ids,
    })
    this.#child = child
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#said = (this.#said + text).slice(-4_000)))
    const end = performance.now() + START_LIMIT_MS
    while (true) {
      const error = await isReady().then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (error === undefined) return
      if (child.exitCode !== null || performance.now() > end)
        throw new Error(`${program} does not start: ${error}\n${this.#said}`)
      await sleep(50)
    }
  }

  /** SIGKILL; connections to it end. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGCONT')
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** It takes connections and answers nothing. */
  freeze(): void {
    this.#signal('SIGSTOP')
  }

  thaw(): void {
    this.#signal('SIGCONT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.#settings.folder, { recursive: true, force: true })
  }

  /** A server with a process a connection is frozen with all of them. */
  #signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const { pid } = this.#child ?? {}
    if (pid === undefined) return
    for (const id of [pid, ...childrenOf(pid)]) process.kill(id, signal)
  }
}

function childrenOf(pid: number): number[] {
  try {
    const said = execFileSync(programPath('ps'), ['-o', 'pid=', '--ppid', `${pid}`], { encoding: 'utf8' })
    return said
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(Number)
  } catch {
    return [] // ps ends with 1 where there is none
  }
}
