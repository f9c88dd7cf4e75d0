/** `connection`, as plugins see it. */
import constants from 'haraka-constants'
import netUtils from 'haraka-net-utils'
import Notes from 'haraka-notes'
import type ResultStore from 'haraka-results'
import utils from 'haraka-utils'
import { addLogMethods, type LogSink } from './logger.ts'
import { makeResults } from './results.ts'
import type { HarakaServer } from './server.ts'
import { HarakaTransaction } from './transaction.ts'

const { state: STATES } = constants.connection

/** One client's session. Its name is looked at by plugins. */
export class HarakaConnection {
  client: object = {}
  server: HarakaServer
  local: Record<string, unknown> = { ip: null, port: null, host: '', info: 'Postroad' }
  remote: Record<string, unknown> & { ip: string; host: string | null } = {
    ip: '127.0.0.1',
    port: null,
    host: null,
    info: null,
    closed: false,
    is_private: false,
    is_local: false,
  }
  hello: { host: string | null | undefined; verb: string | null } = { host: null, verb: null }
  tls: Record<string, unknown> = { enabled: false, advertised: false, verified: false, cipher: {} }
  proxy = { allowed: false, ip: null, type: null, timer: null }
  current_line: string | null = null
  state: number | undefined = STATES['CMD']
  encoding = 'utf8'
  uuid: string
  readonly notes: InstanceType<typeof Notes>
  transaction: HarakaTransaction | null = null
  tran_count = 0
  capabilities: string[] | null = null
  early_talker = false
  pipelining = false
  esmtp = false
  last_response: string | null = null
  hooks_to_run: unknown[] = []
  start_time = Date.now()
  last_reject = ''
  totalbytes = 0
  rcpt_count = { accept: 0, tempfail: 0, reject: 0 }
  msg_count = { accept: 0, tempfail: 0, reject: 0 }
  readonly results: ResultStore
  errors = 0
  last_rcpt_msg: string | null = null
  hook: string | null = null
  cfg: object = { main: {}, headers: {}, max: {} }
  _relaying = false
  /** A plugin has asked for the end of the connection. */
  wantsDisconnect = false
  readonly #sinkOf: () => LogSink | undefined
  readonly #level: number;
  [name: string]: unknown

  // On the class: else ten functions are made for each client.
  static {
    addLogMethods(
      HarakaConnection.prototype,
      'core',
      (self) => (#sinkOf in self ? self.#sinkOf() : undefined),
      (self) => (#level in self ? self.#level : 5),
    )
  }

  constructor(
    server: HarakaServer,
    uuid: string = utils.uuid(),
    sinkOf: () => LogSink | undefined = () => undefined,
    level = 5,
  ) {
    this.server = server
    this.uuid = uuid
    this.notes = new Notes()
    this.results = makeResults(this)
    this.#sinkOf = sinkOf
    this.#level = level
  }

  /** Writes a property by its path, `remote.ip` or `('remote', 'ip')`. */
  set(...given: readonly unknown[]): void {
    const path = given.length === 3 ? `${given[0]}.${given[1]}` : String(given[0])
    const parts = path.split('.')
    const last = parts.pop() ?? ''
    let place: Record<string, unknown> = this as Record<string, unknown> // it is open, as in Haraka
    for (const part of [...parts, last]) if (part === '__proto__' || part === 'constructor') return
    for (const part of parts) place = (place[part] ??= {}) as Record<string, unknown>
    place[last] = given.at(-1)
    if (path !== 'remote.ip') return
    this.remote['is_local'] = netUtils.is_local_ip(this.remote.ip)
    this.remote['is_private'] = this.remote['is_local'] === true || netUtils.is_private_ip(this.remote.ip)
  }

  get(path: string): unknown {
    return path
      .split('.')
      .reduce<unknown>((place, part) => (place as Record<string, unknown> | undefined)?.[part], this)
  }

  /** A transaction has its own, as soon as it is set while there is one. */
  get relaying(): boolean {
    const { transaction } = this
    return transaction && '_relaying' in transaction ? transaction._relaying : this._relaying
  }

  set relaying(value: boolean) {
    if (this.transaction) this.transaction._relaying = value
    else this._relaying = value
  }

  get_remote(name: string): string {
    const value = this.remote[name]
    const isKnown = typeof value === 'string' && !['', 'NXDOMAIN', 'DNSERROR'].includes(value)
    return isKnown ? `${value} [${this.remote.ip}]` : `[${this.remote.ip}]`
  }

  /** Notes a result for Authentication-Results, and gives the value of the field so far. */
  auth_results(message?: string): string {
    const own = listIn(this.notes)
    const ofMessage = this.transaction ? listIn(this.transaction.notes) : undefined
    if (message) (ofMessage ?? own).push(utils.sanitize(message))
    const all = [...own, ...(ofMessage ?? [])]
    return all.length === 0 ? '' : [utils.sanitize(String(this.local['host'])), ...all].join(';\r\n\t')
  }

  /** What a plugin would send by itself is not sent: the server answers. It goes on as if it had been. */
  respond(_code: number, _text: unknown, done?: () => unknown): unknown {
    return done?.()
  }

  disconnect(): void {
    this.wantsDisconnect = true
  }

  pause(): void {}

  resume(): void {}

  get_capabilities(): string[] {
    return []
  }

  tran_uuid(): string {
    this.tran_count++
    return `${this.uuid}.${this.tran_count}`
  }

  init_transaction(done?: () => void, uuid: string = this.tran_uuid()): void {
    const transaction = new HarakaTransaction(uuid)
    transaction.results = makeResults(this)
    this.transaction = transaction
    done?.()
  }

  reset_transaction(done?: () => void): void {
    this.transaction = null
    done?.()
  }
}

// Plugins tell a connection from other objects by the name of its class.
Object.defineProperty(HarakaConnection, 'name', { value: 'Connection' })

function listIn(notes: Record<string, unknown>): string[] {
  const known = notes['authentication_results']
  if (Array.isArray(known)) return known
  const made: string[] = []
  notes['authentication_results'] = made
  return made
}
