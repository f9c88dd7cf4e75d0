/** A real clamd for tests: own folder, own signatures, own port on loopback; it loads nothing from the network. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { programPath, systemPath } from '../runner/program.ts'
import { EICAR } from './eicar.ts'
import { freePorts } from './loopback.ts'

const START_LIMIT_MS = 90_000

/** MD5, size and name, as `sigtool --md5` writes them: the test file of EICAR, and `clam.exe` of the package clamav-testfiles, which is in all its archives. */
const SIGNATURES = `44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature
aa15bcf478d165efd2065190eb473bcb:544:ClamAV-Test-File
`

/** A running (or stopped) clamd. */
export interface Clamd extends AsyncDisposable {
  readonly port: number
  /** Of its UNIX socket. */
  readonly path: string
  /** At once, whatever it does. */
  kill(): Promise<void>
  /** Again, on the same port. */
  start(): Promise<void>
  /** One command, and what it says. */
  ask(command: string): Promise<string>
  log(): string
}

/** Starts one. @param settings lines of clamd.conf over those of the tests */
export async function startClamd(settings: Readonly<Record<string, string>> = {}): Promise<Clamd> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-clamd-'))
  const [port = 0] = await freePorts(1)
  const path = join(folder, 'clamd.sock')
  const database = join(folder, 'db')
  mkdirSync(database)
  writeFileSync(join(database, 'test.hdb'), SIGNATURES)
  // In the text of a mail, whatever stands around it.
  writeFileSync(join(database, 'test.ndb'), `Eicar-Test-Text:4:*:${EICAR.toString('hex')}\n`)
  const isRoot = process.getuid?.() === 0
  const config = {
    DatabaseDirectory: database,
    LocalSocket: path,
    TCPSocket: `${port}`,
    TCPAddr: '127.0.0.1',
    TemporaryDirectory: folder,
    Foreground: 'yes',
    StreamMaxLength: '1M',
    AlertExceedsMax: 'yes',
    // As Debian's own configuration has it.
    ExtendedDetectionInfo: 'yes',
    ...(isRoot && { User: 'nobody' }),
    ...settings,
  }
  const file = join(folder, 'clamd.conf')
  writeFileSync(
    file,
    Object.entries(config)
      .map(([key, value]) => `${key} ${value}\n`)
      .join(''),
  )
  if (isRoot) chownSync(folder, Number(execFileSync(programPath('id'), ['-u', 'nobody'])), 0)
  let child: ChildProcess | undefined
  let said = ''
  const kill = async (): Promise<void> => {
    const running = child
    child = undefined
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const gone = once(running, 'exit')
    running.kill('SIGKILL')
    await gone
  }
  const start = async (): Promise<void> => {
    const started = spawn(programPath('clamd'), ['-c', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: systemPath() },
    })
    child = started
    for (const stream of [started.stdout, started.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (said += text))
    const end = performance.now() + START_LIMIT_MS
    while (
      !(await ask(port, 'PING').then(
        (answer) => answer === 'PONG',
        () => false,
      ))
    ) {
      if (started.exitCode !== null || performance.now() > end) throw new Error(`clamd does not start: ${said}`)
      await sleep(50)
    }
  }
  const dispose = async (): Promise<void> => {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    port,
    path,
    kill,
    start,
    ask: (command) => ask(port, command),
    log: () => said,
    [Symbol.asyncDispose]: dispose,
  }
}

async function ask(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setTimeout(10_000, () => socket.destroy(new Error('clamd is silent')))
  socket.end(`z${command}\0`)
  let said = ''
  for await (const chunk of socket.setEncoding('latin1')) said += chunk
  return said.replace(/\0$/, '')
}
