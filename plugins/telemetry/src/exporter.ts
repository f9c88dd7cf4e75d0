/** The numbers over HTTP, for Prometheus. */
import cluster from 'node:cluster'
import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Dns } from '@postroad/plugin'
import { Siblings } from '@postroad/siblings'
import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client'
import { measureCertificates } from './certificate-stats.ts'
import { measureDirectories } from './directory-stats.ts'
import { measureDns } from './dns-stats.ts'
import { measureEvents } from './event-stats.ts'
import { measureJunk } from './junk-stats.ts'
import { Meter } from './meter.ts'
import { watchOutboundTls } from './outbound-tls.ts'
import { measureQueues } from './queue-stats.ts'
import { watchRequests } from './requests.ts'
import { watchRuns } from './runs.ts'

// `import` of node:http reads all that it exports, and with that loads the whole of fetch: 50 ms and 5 MB.
const { createServer } = process.getBuiltinModule('node:http')

/** Connections at once: a scrape needs one. */
const CONNECTIONS = 32

/** Where, and who we are. */
export interface ExporterOptions {
  readonly host: string
  readonly port: number
  /** Name of the plugin whose runs are not counted. */
  readonly own: string
  /** Absolute path of a folder in which workers of one server find each other. */
  folder(): Promise<string>
}

let ofProcess: Registry | undefined

/** Memory, CPU, event loop and collections of the process. What gathers them cannot be stopped again, so they are there once. */
function processMetrics(): Registry {
  if (ofProcess) return ofProcess
  ofProcess = new Registry()
  collectDefaultMetrics({ register: ofProcess })
  return ofProcess
}

/** Serves `/metrics` and `/healthz`. */
export class Exporter {
  readonly meter = new Meter()
  /** The resolver of the youngest generation. */
  dns: Dns | undefined
  readonly #server: Server
  readonly #all = Registry.merge([this.meter.registry, processMetrics()])
  #siblings: Siblings | undefined
  #runs: { stop(): void } | undefined
  #requests: { stop(): void } | undefined
  #tls: { stop(): void } | undefined
  #gathering: Promise<string> | undefined

  private constructor() {
    measureDns(this.#all, () => this.dns)
    measureQueues(this.#all)
    measureDirectories(this.#all)
    measureEvents(this.#all)
    measureCertificates(this.#all)
    measureJunk(this.#all)
    this.#server = createServer((request, response) => void this.#respond(request, response))
    this.#server.maxConnections = CONNECTIONS
  }

  /** @throws {Error} what `listen` says, when the port cannot be had */
  static async open({ host, port, own, folder }: ExporterOptions): Promise<Exporter> {
    const exporter = new Exporter()
    exporter.#server.listen({ host, port })
    await once(exporter.#server, 'listening')
    try {
      if (cluster.isWorker)
        exporter.#siblings = await Siblings.join(await folder(), String(exporter.port), (_, response) => {
          exporter.#all.getMetricsAsJSON().then(
            (all) => response.end(JSON.stringify(all)),
            () => response.writeHead(500).end(), // who asked leaves us out
          )
        })
    } catch (error) {
      exporter.#server.close()
      throw error
    }
    exporter.#runs = watchRuns(own, (run) => exporter.meter.ran(run))
    exporter.#tls = watchOutboundTls((session) => exporter.meter.secured(session))
    exporter.#requests = watchRequests({
      connected: (change) => exporter.meter.connected(change),
      requested: (request) => exporter.meter.requested(request),
    })
    return exporter
  }

  get contentType(): string {
    return this.#all.contentType
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port // it listens on a port, so the address is no path
  }

  async close(): Promise<void> {
    this.#runs?.stop()
    this.#tls?.stop()
    this.#requests?.stop()
    await this.#siblings?.leave()
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #respond({ method, url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path] = url.split('?')
    if (method !== 'GET' && method !== 'HEAD') response.writeHead(405, { allow: 'GET, HEAD' }).end()
    else if (path === '/healthz') response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n')
    else if (path !== '/metrics') response.writeHead(404).end()
    else {
      const text = await this.text().catch(() => undefined)
      // Without a body: what went wrong is no business of who asks.
      if (text === undefined) response.writeHead(500).end()
      else response.writeHead(200, { 'content-type': this.#all.contentType }).end(text)
    }
  }

  /** All numbers, as Prometheus reads them. Who asks while an answer is being put together gets the same one. */
  text(): Promise<string> {
    this.#gathering ??= this.#sum().finally(() => {
      this.#gathering = undefined
    })
    return this.#gathering
  }

  async #sum(): Promise<string> {
    const others = (await this.#siblings?.ask('/'))?.answers ?? []
    if (others.length === 0) return this.#all.metrics()
    return AggregatorRegistry.aggregate([await this.#all.getMetricsAsJSON(), ...others]).metrics()
  }
}
