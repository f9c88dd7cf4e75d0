/** Real DNS for cells: zones signed by ldns, served by nsd, validated by unbound. All on loopback, with an anchor of trust of our own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDns } from '@postroad/dns'
import { freePorts } from '../interop/loopback.ts'
import { programPath } from '../runner/program.ts'
import { type RealDns, TOP } from './real-zone.ts'
import { Signer } from './signed-zone.ts'

/** Debian packages that it takes. */
export const DNS_PACKAGES = ['unbound', 'nsd', 'ldnsutils'] as const

/** How long a server may take to answer for the first time. */
const START_MS = 30_000

/** How a lab is made. */
export interface LabOptions {
  /** Where the resolver listens besides, on port 53: who takes no port for a resolver needs it. An address of 127.0.0.0/8. */
  readonly address?: string
  /** More lines of unbound.conf, below `server:`. */
  readonly resolver?: readonly string[]
}

/** A resolver that is not what it should be. */
export interface ResolverFault {
  /** Its clock is wrong by so much, as faketime(1) writes it: `+60d`. */
  readonly clock?: string
  /** It looks up, and validates nothing. */
  readonly isBlind?: boolean
}

/** Servers and a resolver that can be started with other zones, killed, and started again. */
export class DnsLab implements AsyncDisposable {
  /** Of the resolver, on 127.0.0.1. */
  readonly port: number
  readonly #folder: string
  readonly #signer: Signer
  readonly #ports: { readonly nsd: number; readonly gone: number; readonly silent: number }
  readonly #silence: Socket
  readonly #options: LabOptions
  #nsd: ChildProcess | undefined
  #unbound: ChildProcess | undefined
  #dns: RealDns | undefined

  /** Opens a folder and takes ports. */
  static async open(options: LabOptions = {}): Promise<DnsLab> {
    const folder = mkdtempSync(join(tmpdir(), 'postroad-dns-'))
    const silence = createSocket('udp4')
    silence.bind(0, '127.0.0.1')
    await once(silence, 'listening')
    const [port = 0, nsd = 0, gone = 0] = await freePorts(3)
    return new DnsLab(options, { folder, silence, port, nsd, gone })
  }

  private constructor(
    options: LabOptions,
    { folder, silence, port, nsd, gone }: Record<'port' | 'nsd' | 'gone', number> & { folder: string; silence: Socket },
  ) {
    this.#options = options
    this.#folder = folder
    this.#signer = new Signer(join(folder, 'signed'))
    this.#silence = silence
    this.port = port
    this.#ports = { nsd, gone, silent: silence.address().port }
    for (const name of ['zones', 'keys']) mkdirSync(join(folder, name))
  }

  /** The resolver as ours asks it. Nothing is remembered between two of them. */
  resolver() {
    return createDns({ servers: [`127.0.0.1:${this.port}`], timeoutMs: 2_500, attemptMs: 1_500, rounds: 2 })
  }

  /** From now on DNS is this. */
  async serve(dns: RealDns): Promise<void> {
    await Promise.all([this.stopServers(), this.stopResolver()])
    this.#dns = dns
    await this.startServers()
    await this.startResolver()
  }

  /** Starts nsd with the zones of before. */
  async startServers(): Promise<void> {
    const { zones } = this.#zones()
    const texts = await Promise.all(zones.map((zone) => this.#signer.text(zone, zones)))
    for (const [at, zone] of zones.entries()) writeFileSync(join(this.#folder, 'zones', zone.name), texts[at] ?? '')
    const file = this.#write('nsd.conf', [
      'server:',
      ` ip-address: 127.0.0.1@${this.#ports.nsd}`,
      ' server-count: 1',
      ' username: ""',
      ' chroot: ""',
      ` zonesdir: "${join(this.#folder, 'zones')}"`,
      ' database: ""',
      ' pidfile: ""',
      ` zonelistfile: "${join(this.#folder, 'zone.list')}"`,
      ` xfrdfile: "${join(this.#folder, 'xfrd.state')}"`,
      ` xfrdir: "${this.#folder}"`,
      ' rrl-ratelimit: 0',
      'remote-control:',
      ' control-enable: no',
      ...zones.flatMap(({ name }) => ['zone:', ` name: ${name}`, ` zonefile: ${name}`]),
    ])
    this.#nsd = spawn(programPath('nsd'), ['-d', '-c', file], { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
    await this.#ready(this.#nsd, this.#ports.nsd)
  }

  /** Starts unbound. It knows nothing, and has forgotten everything. */
  async startResolver({ clock, isBlind = false }: ResolverFault = {}): Promise<void> {
    const { zones, silent, gone, refused } = this.#zones()
    const islands = zones.filter(({ signing }) => signing === 'island')
    const anchors = await Promise.all(islands.map(({ name }) => this.#signer.anchor(name)))
    const stub = (name: string, port: number) => ['stub-zone:', ` name: "${name}."`, ` stub-addr: 127.0.0.1@${port}`]
    const { address, resolver = [] } = this.#options
    const file = this.#write('unbound.conf', [
      'server:',
      ` interface: 127.0.0.1@${this.port}`,
      ...(address === undefined ? [] : [` interface: ${address}@53`]),
      ' access-control: 127.0.0.0/8 allow',
      ' chroot: ""',
      ' username: ""',
      ' pidfile: ""',
      ` directory: "${this.#folder}"`,
      ' use-syslog: no',
      ' logfile: ""',
      ' verbosity: 0',
      ' val-log-level: 2',
      ' num-threads: 1',
      ' do-ip6: no',
      ' do-not-query-localhost: no',
      ` module-config: "${isBlind ? '' : 'validator '}iterator"`,
      // Names that are not ours are asked of nobody; `test` is a zone of its own by default, RFC 6761 §6.2.
      ' local-zone: "." refuse',
      ` local-zone: "${TOP}." transparent`,
      ...refused.map((name) => ` local-zone: "${name}." refuse`),
      ` trust-anchor-file: "${this.#write('anchors', anchors)}"`,
      ...resolver.map((line) => ` ${line}`),
      'remote-control:',
      ' control-enable: no',
      // All of them: what unbound learns of delegations has no ports.
      ...zones
        .filter(({ name }) => !silent.includes(name) && !gone.includes(name))
        .flatMap(({ name }) => stub(name, this.#ports.nsd)),
      ...silent.flatMap((name) => stub(name, this.#ports.silent)),
      ...gone.flatMap((name) => stub(name, this.#ports.gone)),
    ])
    const command = ['unbound', '-d', '-c', file]
    const [program = '', ...args] = clock === undefined ? command : ['faketime', '-f', clock, ...command]
    this.#unbound = spawn(programPath(program), args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
    await this.#ready(this.#unbound, this.port)
  }

  /** Ends nsd. */
  async stopServers(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#nsd
    this.#nsd = undefined
    await stop(child, signal)
  }

  /** Ends unbound. */
  async stopResolver(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#unbound
    this.#unbound = undefined
    await stop(child, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.stopServers(), this.stopResolver()])
    this.#silence.close()
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }

  #zones(): RealDns {
    if (this.#dns === undefined) throw new TypeError('the lab has no zones yet')
    return this.#dns
  }

  #write(name: string, lines: readonly string[]): string {
    const file = join(this.#folder, name)
    writeFileSync(file, `${lines.join('\n')}\n`)
    return file
  }

  /** Resolves when somebody answers on the port: the SOA record of the top, or a failure, which is an answer as well. */
  async #ready(child: ChildProcess, port: number): Promise<void> {
    const { pid } = child
    if (pid !== undefined) {
      LIVING.add(pid)
      child.once('exit', () => LIVING.delete(pid))
    }
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)))
    const dns = createDns({ servers: [`127.0.0.1:${port}`], timeoutMs: 500, attemptMs: 500, rounds: 1, failureTtl: 0 })
    for (const end = performance.now() + START_MS; performance.now() < end; await sleep(20)) {
      const code = await dns.txt(TOP).then(
        () => 'FOUND',
        (error: { readonly code?: string; readonly cause?: unknown }) => (error.cause === undefined ? error.code : ''),
      )
      if (code === 'NODATA' || code === 'SERVFAIL' || code === 'REFUSED') return
      if (child.exitCode !== null) break
    }
    const zones = this.#zones().zones.map(({ name }) => readFileSync(join(this.#folder, 'zones', name), 'latin1'))
    throw new Error(`${child.spawnfile} does not answer: ${said}\n${zones.join('\n')}`)
  }
}

/** Both have processes of their own, and faketime has them too: the whole group ends. */
/** Servers with a process group of their own: a test that is ended does not leave them behind. */
const LIVING = new Set<number>()
process.once('exit', () => {
  for (const pid of LIVING) process.kill(-pid, 'SIGKILL')
})
process.once('SIGTERM', () => process.exit(143))

async function stop(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const { pid } = child
  const gone = once(child, 'exit')
  process.kill(-pid, signal)
  const late = setTimeout(() => process.kill(-pid, 'SIGKILL'), 3_000)
  await gone
  clearTimeout(late)
}
