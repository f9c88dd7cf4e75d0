/** The filters that Debian has for SPF, DKIM and DMARC, as targets measure them. opendkim and opendmarc read their records from files: of DNS they are spared. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { filterRecords } from './filters.ts'
import { stopChild } from './stop-child.ts'

const START_LIMIT_MS = 30_000

/** A daemon that listens at a UNIX socket. */
export interface Daemon {
  readonly pid: number
  readonly socket: string
  close(): Promise<void>
}

/** Verifies and adds a field. @param folder of its own, made here */
export function startOpendkim(folder: string): Promise<Daemon> {
  mkdirSync(folder)
  const keys = join(folder, 'keys')
  const records = Object.entries(filterRecords()).filter(([name]) => name.includes('._domainkey.'))
  writeFileSync(keys, records.map(([name, value]) => `${name} ${value}\n`).join(''))
  return start('opendkim', folder, (socket) => ({
    args: ['-f', '-x'],
    config: {
      Mode: 'v',
      Socket: `local:${socket}`,
      Background: 'no',
      AutoRestart: 'no',
      Syslog: 'no',
      RequireSafeKeys: 'no',
      UMask: '000',
      AuthservID: 'mx.postroad.test',
      AlwaysAddARHeader: 'yes',
      TestPublicKeys: keys,
    },
  }))
}

/** Judges by what the two before it have found. @param folder of its own, made here */
export function startOpendmarc(folder: string): Promise<Daemon> {
  mkdirSync(folder)
  const zone = join(folder, 'zone')
  writeFileSync(
    zone,
    Object.entries(filterRecords())
      .map(([name, value]) => `${name} ${value}\n`)
      .join(''),
  )
  // By default it looks at nothing that comes from loopback.
  writeFileSync(join(folder, 'ignored'), '192.0.2.255\n')
  return start('opendmarc', folder, (socket) => ({
    args: ['-f', '-c'],
    config: {
      Socket: `local:${socket}`,
      Background: 'no',
      AutoRestart: 'no',
      Syslog: 'no',
      UMask: '000',
      AuthservID: 'mx.postroad.test',
      TrustedAuthservIDs: 'mx.postroad.test',
      RejectFailures: 'yes',
      IgnoreHosts: join(folder, 'ignored'),
      TestDNSData: zone,
    },
  }))
}

/** Line of master.cf for policyd-spf: Postfix starts one for each connection, by spawn(8). @param folder of its own, made here */
export function policydSpf(folder: string): string {
  const missing = requires('postfix-policyd-spf-python')
  if (missing) throw new Error(missing)
  mkdirSync(folder)
  const config = join(folder, 'policyd-spf.conf')
  // Debian's own but for the log and the last line: it spares loopback by default, and an empty list ends it.
  writeFileSync(
    config,
    'debugLevel = 0\nTestOnly = 1\nHELO_reject = Fail\nMail_From_reject = Fail\nPermError_reject = False\nTempError_Defer = False\nskip_addresses = 198.18.0.1\n',
  )
  return `policyd-spf unix - n n - 0 spawn user=nobody argv=${programPath('policyd-spf')} ${config}\n`
}

async function start(
  name: string,
  folder: string,
  plan: (socket: string) => { readonly args: readonly string[]; readonly config: Readonly<Record<string, string>> },
): Promise<Daemon> {
  const missing = requires(name)
  if (missing) throw new Error(missing)
  const socket = join(folder, 'socket')
  const file = join(folder, 'conf')
  const { args, config } = plan(socket)
  writeFileSync(
    file,
    Object.entries(config)
      .map(([key, value]) => `${key} ${value}\n`)
      .join(''),
  )
  let said = ''
  const child: ChildProcess = spawn(programPath(name), [...args, file], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
  const end = performance.now() + START_LIMIT_MS
  while (!existsSync(socket)) {
    if (child.exitCode !== null || performance.now() > end) throw new Error(`${name} does not start: ${said}`)
    await sleep(25)
  }
  return {
    pid: child.pid ?? 0,
    socket,
    close: () => stopChild(child),
  }
}
