/** Real milters for tests: each in a folder of its own, on a UNIX socket or a port of loopback, with its own configuration; none of them asks the network. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { programPath, systemPath } from '../runner/program.ts'
import type { Clamd } from './clamd.ts'
import { freePorts } from './loopback.ts'

const START_LIMIT_MS = 90_000

/** A running milter. */
export interface RunningMilter extends AsyncDisposable {
  /** For the option `at`. */
  readonly at: string
  log(): string
  /** At once, whatever it does. */
  kill(): Promise<void>
}

/** What a program is started with. */
interface Plan {
  readonly argv: readonly string[]
  /** What must take a connection before it counts as started: a path, or a port. */
  readonly ready: string | number
}

/** Makes a folder, starts a program in it as nobody, and waits until it listens. */
async function start(
  name: string,
  plan: (folder: string) => Plan | Promise<Plan>,
  at?: (folder: string) => string,
): Promise<RunningMilter> {
  const folder = mkdtempSync(join(tmpdir(), `pr-${name}-`))
  const isRoot = process.getuid?.() === 0
  const id = (flag: string) => Number(execFileSync(programPath('id'), [flag, 'nobody'], { encoding: 'utf8' }))
  const ids = isRoot ? { uid: id('-u'), gid: id('-g') } : {}
  let child: ChildProcess | undefined
  let said = ''
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  const dispose = async (): Promise<void> => {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const { argv, ready } = await plan(folder)
    if (ids.uid !== undefined) giveTo(folder, ids)
    const [program = '', ...args] = argv
    child = spawn(program.startsWith('/') ? program : programPath(program), args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: systemPath(), HOME: folder, PYTHONDONTWRITEBYTECODE: '1' },
      ...ids,
    })
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (said += text))
    const end = performance.now() + START_LIMIT_MS
    while (!(await listens(ready))) {
      if (child.exitCode !== null || performance.now() > end) throw new Error(`${name} does not start: ${said}`)
      await sleep(50)
    }
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    at: at ? at(folder) : `unix:${join(folder, 'milter.sock')}`,
    log: () => said,
    kill,
    [Symbol.asyncDispose]: dispose,
  }
}

function giveTo(folder: string, { uid, gid }: { uid?: number; gid?: number }): void {
  if (uid === undefined || gid === undefined) return
  execFileSync(programPath('chown'), ['-R', `${uid}:${gid}`, folder])
}

function listens(at: string | number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = typeof at === 'string' ? connect(at) : connect(at, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Our own milter on the real libmilter, which does what a field X-Task asks for. Package python3-milter. */
export function startPymilter(): Promise<RunningMilter> {
  return start('pymilter', (folder) => {
    const script = join(folder, 'peer.py')
    copyFileSync(join(import.meta.dirname, 'milter-peer.py'), script)
    const socket = join(folder, 'milter.sock')
    // Debian's own: another one does not have Debian's modules.
    return { argv: ['/usr/bin/python3', script, `unix:${socket}`], ready: socket }
  })
}

/** What opendkim is to do. */
export interface OpendkimSettings {
  readonly mode: 's' | 'v'
  readonly domain: string
  /** PEM; to sign. */
  readonly key?: string
  /** The record at `sel._domainkey` of the domain; to verify without DNS. */
  readonly record?: string
  readonly canonicalization?: string
}

/** Package opendkim. */
export function startOpendkim({
  mode,
  domain,
  key,
  record,
  canonicalization = 'simple/simple',
}: OpendkimSettings): Promise<RunningMilter> {
  return start('opendkim', (folder) => {
    const socket = join(folder, 'milter.sock')
    if (key !== undefined) writeFileSync(join(folder, 'key.pem'), key)
    if (record !== undefined) writeFileSync(join(folder, 'keys'), `sel._domainkey.${domain} ${record}\n`)
    writeFileSync(join(folder, 'networks'), '192.0.2.0/24\n127.0.0.1\n')
    const config = {
      Mode: mode,
      Socket: `local:${socket}`,
      Background: 'no',
      AutoRestart: 'no',
      Syslog: 'no',
      LogWhy: 'yes',
      RequireSafeKeys: 'no',
      UMask: '000',
      AuthservID: 'mx.test',
      AlwaysAddARHeader: 'yes',
      Canonicalization: canonicalization,
      ...(mode === 's' && {
        Domain: domain,
        Selector: 'sel',
        KeyFile: join(folder, 'key.pem'),
        InternalHosts: join(folder, 'networks'),
      }),
      ...(mode === 'v' && record !== undefined && { TestPublicKeys: join(folder, 'keys') }),
    }
    return { argv: ['opendkim', '-f', '-x', write(folder, config)], ready: socket }
  })
}

/** Package opendmarc. @param records what it finds in DNS, by name; it asks nobody else for these */
export function startOpendmarc(records: Readonly<Record<string, string>>): Promise<RunningMilter> {
  return start('opendmarc', (folder) => {
    const socket = join(folder, 'milter.sock')
    const zone = Object.entries(records).map(([name, value]) => `${name} ${value}\n`)
    writeFileSync(join(folder, 'dns'), zone.join(''))
    const config = {
      Socket: `local:${socket}`,
      Background: 'no',
      AutoRestart: 'no',
      Syslog: 'no',
      UMask: '000',
      AuthservID: 'mx.test',
      TrustedAuthservIDs: 'mx.test',
      RequiredHeaders: 'yes',
      RejectFailures: 'yes',
      TestDNSData: join(folder, 'dns'),
    }
    return { argv: ['opendmarc', '-f', '-c', write(folder, config)], ready: socket }
  })
}

/** Package clamav-milter, with a clamd of its own. */
export function startClamavMilter(clamd: Clamd, infected: 'Reject' | 'Quarantine'): Promise<RunningMilter> {
  return start('clamav-milter', (folder) => {
    const socket = join(folder, 'milter.sock')
    const config = {
      MilterSocket: `unix:${socket}`,
      MilterSocketMode: '666',
      ClamdSocket: `tcp:127.0.0.1:${clamd.port}`,
      Foreground: 'yes',
      OnInfected: infected,
      RejectMsg: 'Infected by %v',
      AddHeader: 'Replace',
      LogFile: join(folder, 'log'),
      TemporaryDirectory: folder,
    }
    return { argv: ['clamav-milter', '-c', write(folder, config)], ready: socket }
  })
}

/** A running spamd. Package spamd; its rules are those that it came with, and it asks nobody. */
export async function startSpamd(): Promise<RunningMilter> {
  const [port = 0] = await freePorts(1)
  return start(
    'spamd',
    () => ({
      argv: [
        'spamd',
        '--local',
        '--nouser-config',
        '--max-children',
        '1',
        '-i',
        '127.0.0.1',
        '-p',
        `${port}`,
        '-s',
        'stderr',
      ],
      ready: port,
    }),
    () => `${port}`,
  )
}

/** Package spamass-milter. @param port of spamd */
export function startSpamassMilter(port: number): Promise<RunningMilter> {
  return start('spamass-milter', (folder) => {
    const socket = join(folder, 'milter.sock')
    return {
      argv: ['spamass-milter', '-p', socket, '-r', '15', '--', '-d', '127.0.0.1', '-p', `${port}`],
      ready: socket,
    }
  })
}

function write(folder: string, config: Readonly<Record<string, string>>): string {
  const file = join(folder, 'conf')
  writeFileSync(
    file,
    Object.entries(config)
      .map(([key, value]) => `${key} ${value}\n`)
      .join(''),
  )
  return file
}
