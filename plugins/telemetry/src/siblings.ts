/**
 * Workers of one server: each scrape reaches one of them, which asks the others, so that the numbers are those of all. They
 * find each other by their UNIX sockets in a folder that they share.
 */
import { once } from 'node:events'
import { readdir, rm } from 'node:fs/promises'
import { createServer, get, type Server } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'

/** Milliseconds: a worker that is busy for longer is left out of this sum. */
const PATIENCE = 1_000

/** This worker, among those that the same supervisor runs. */
export class Siblings {
  readonly #server: Server
  readonly #folder: string
  readonly #family: string
  readonly #own: string

  private constructor(server: Server, folder: string, port: number) {
    this.#server = server
    this.#folder = folder
    this.#family = `${process.ppid}-${port}-`
    this.#own = `${this.#family}${process.pid}.sock`
  }

  /** `port` tells several exporters of one server apart. */
  static async join(folder: string, port: number, numbers: () => Promise<unknown>): Promise<Siblings> {
    const server = createServer((_request, response) => {
      numbers().then(
        (all) => response.end(JSON.stringify(all)),
        () => response.writeHead(500).end(), // who asked leaves us out
      )
    })
    const siblings = new Siblings(server, folder, port)
    await siblings.#sweep()
    // Not shared with the other workers, as listening in a cluster otherwise is.
    server.listen({ path: join(folder, siblings.#own), exclusive: true })
    await once(server, 'listening')
    return siblings
  }

  /** The numbers of all others that answer in time. */
  async ask(): Promise<object[]> {
    const names = (await readdir(this.#folder)).filter((name) => name.startsWith(this.#family) && name !== this.#own)
    const answers = await Promise.all(names.map((name) => this.#askOne(name)))
    return answers.filter((answer) => answer !== undefined)
  }

  async leave(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await rm(join(this.#folder, this.#own), { force: true })
  }

  /** Sockets of workers that were killed, of this supervisor or of an earlier one, and ours, if the system gave us the id of one. */
  async #sweep(): Promise<void> {
    await rm(join(this.#folder, this.#own), { force: true })
    for (const name of await readdir(this.#folder)) if (name.endsWith('.sock')) await this.#askOne(name)
  }

  async #askOne(name: string): Promise<object | undefined> {
    const socketPath = join(this.#folder, name)
    try {
      const request = get({ socketPath, agent: false, signal: AbortSignal.timeout(PATIENCE) })
      const [response] = await once(request, 'response')
      return response.statusCode === 200 ? ((await json(response)) as object) : undefined // a worker's own answer
    } catch (error) {
      // Nobody listens there any more. Another that does not answer is busy, and is asked the next time.
      if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')
        await rm(socketPath, { force: true })
      return undefined
    }
  }
}
