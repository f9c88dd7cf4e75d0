/**
 * `haraka-test-fixtures` on the objects that plugins meet in this server: tests that were written with the one run with the other.
 *
 * The library is loaded with our plugin, connection and transaction in the place of its own, so that its helpers make those.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import constants from 'haraka-constants'
import ResultStore from 'haraka-results'
import type * as Library from 'haraka-test-fixtures'
import { HarakaConnection } from './connection.ts'
import { type Ground, HarakaPlugin, type Registered } from './harness.ts'
import { type Located, locate, shortName } from './locate.ts'
import { addLogMethods, makeLogger } from './logger.ts'
import { harakaServer } from './server.ts'
import { HarakaTransaction } from './transaction.ts'

const require = createRequire(import.meta.url)
/** Whoever reads the log of a test calls the methods it replaces. */
const SILENT = { log: { debug: nothing, info: nothing, warn: nothing, error: nothing } }

/** A plugin as its tests make it: by its name, from the package in whose folder they are run. */
class TestPlugin extends HarakaPlugin {
  last_err = ''
  readonly registered: readonly Registered[]

  constructor(name: string) {
    const ground = groundHere()
    super(located(name, ground), ground)
    this.registered = ground.registered
    this.timeout = 10
    Object.defineProperty(this, 'server', { value: { notes: {} }, writable: true, enumerable: true })
  }

  /** What only comes with Haraka itself is passed over where that is not installed. */
  override inherits(parent: string): void {
    try {
      super.inherits(parent)
    } catch (error) {
      if (!/is not there|does what the server does/.test(String(error))) throw error
    }
  }
}

/** A connection as tests make it. */
class TestConnection extends HarakaConnection {
  constructor(client: { readonly remoteAddress?: string; readonly remotePort?: number }, server: object, cfg: object) {
    super(Object.assign(server, { notes: Object(server).notes ?? {} }) as never, undefined, () => SILENT) // tests give what they need of a server
    this.client = client
    this.cfg = cfg
    this.state = constants.connection.state['PAUSE']
    this.local['host'] = 'haraka-test.example.com'
    this.local['info'] = 'Haraka'
    this.notes['tls'] = {}
    if (client.remoteAddress === undefined) return
    this.set('remote.ip', client.remoteAddress)
    this.remote['port'] = client.remotePort
    this.results.add({ name: 'remote' }, this.remote)
  }

  override respond(_code: number, _text: unknown, done?: () => unknown): unknown {
    return typeof done === 'function' ? done() : undefined
  }

  override init_transaction(done?: () => void): void {
    this.transaction = createTransaction()
    this.transaction.results = new ResultStore(this)
    done?.()
  }

  override reset_transaction(done?: () => void): void {
    if (this.transaction && !this.transaction.resetting) this.transaction.resetting = true
    else this.transaction = null
    done?.()
  }
}

Object.defineProperty(TestConnection, 'name', { value: 'Connection' })

function createTransaction(uuid = '111111-222222-333-4444444'): HarakaTransaction {
  const transaction = new HarakaTransaction(uuid)
  addLogMethods(
    transaction,
    'transaction',
    () => SILENT,
    () => 5,
  )
  return transaction
}

function createConnection(client: object = {}, server: object = {}, cfg: object = {}): TestConnection {
  const whole = Object.keys(cfg).length > 0 ? cfg : { main: {}, headers: { max_lines: 1000 }, max: {} }
  return new TestConnection(client, server, whole)
}

function groundHere(): Ground {
  const here = process.cwd()
  return {
    places: { folder: undefined, bases: [here] },
    // As the library does it: tests set this to have files of their own.
    config: join(process.env['HARAKA'] || here, 'config'),
    server: harakaServer(SILENT),
    logger: makeLogger(() => SILENT, 5),
    sinkOf: () => SILENT,
    registered: [],
    timers: [],
  }
}

function located(name: string, { places }: Ground): Located {
  const file = resolve('package.json')
  const short = shortName(name)
  if (existsSync(file)) {
    const { name: own = '' } = JSON.parse(readFileSync(file, 'utf8')) as { readonly name?: string }
    if ([`haraka-plugin-${short}`, name].includes(own) || /^(?:\.\.\/)*index$/.test(name))
      return { name: short, path: file, isPackage: true }
  }
  for (const path of [`${name}.js`, join('test/fixtures', `${name}.js`)].map((one) => resolve(one)))
    if (existsSync(path)) return { name: short, path, isPackage: false }
  return locate(name, places)
}

function put(file: string, exports: unknown): void {
  const path = join(dirname(require.resolve('haraka-test-fixtures')), 'lib', file)
  require.cache[path] = Object.assign(new (require('node:module') as typeof import('node:module'))(path), {
    exports,
    loaded: true,
    filename: path,
  })
}

put('plugin.js', TestPlugin)
put('connection.js', { Connection: TestConnection, createConnection })
put('transaction.js', { Transaction: HarakaTransaction, createTransaction })

/** What `require('haraka-test-fixtures')` gives, on the objects of this server. */
export const fixtures: typeof Library = require('haraka-test-fixtures')

// biome-ignore lint/style/noDefaultExport: tests write `import fixtures from`, as they write `const fixtures = require`
export default fixtures
// A test that says `require` gets this, and no object with `default` in it.
export { fixtures as 'module.exports' }

function nothing(): void {}
