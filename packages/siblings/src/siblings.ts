/** A worker among those that the same supervisor runs. */
import { once } from 'node:events'
import { readdir, rm } from 'node:fs/promises'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'

// `import` of node:http reads all that it exports, and with that loads the whole of fetch: 50 ms and 5 MB.
const { createServer, request } = process.getBuiltinModule('node:http')

/** Milliseconds: a worker that is busy for longer is left out. */
const PATIENCE = 1_000

/** What came back. */
export interface SiblingAnswers {
  /** Others that there are. */
  readonly asked: number
  /** JSON of those that have answered in time. */
  readonly answers: readonly object[]
}

/** This worker, and the way to the others. */
export class Siblings {
  readonly #server: Server
  readonly #folder: string
  readonly #family: string
  readonly #own: string

  private constructor(server: Server, folder: string, purpose: string) {
    this.#server = server
    this.#folder = folder
    this.#family = `${process.ppid}-${purpose}-`
    this.#own = `${this.#family}${process.pid}.sock`
  }

  /**
   * Listens for the others.
   *
   * @param folder absolute; nobody but the server may enter it
   * @param purpose short, of letters and digits: who asks here for something else is another family
   */
  static async join(folder: string, purpose: string, answer: RequestListener): Promise<Siblings> {
    const siblings = new Siblings(createServer(answer), folder, purpose)
    await siblings.#sweep()
    // Not shared with the other workers, as listening in a cluster otherwise is.
    siblings.#server.listen({ path: join(folder, siblings.#own), exclusive: true })
    await once(siblings.#server, 'listening')
    return siblings
  }

  /** Asks all others, and waits for those that answer in time. */
  async ask(path: string, method: 'GET' | 'POST' = 'GET'): Promise<SiblingAnswers> {
    const names = await this.#names()
    const answers = await Promise.all(names.map((name) => this.#askOne(name, path, method)))
    return { asked: names.length, answers: answers.filter((answer) => answer !== undefined) }
  }

  /** Streams of all others but those that are `known`, until the signal is aborted; one that ends stays ended. */
  async open(
    path: string,
    { signal, known }: { readonly signal: AbortSignal; readonly known?: ReadonlySet<string> },
    onStream: (stream: IncomingMessage, name: string) => void,
  ): Promise<void> {
    const names = (await this.#names()).filter((name) => !known?.has(name))
    await Promise.all(
      names.map(async (name) => {
        try {
          const sent = request({ socketPath: join(this.#folder, name), path, agent: false, signal })
          sent.on('error', () => {}) // it is gone, and so is what it would have told
          const answered = once(sent, 'response') as Promise<[IncomingMessage]>
          sent.end()
          const [response] = await answered
          response.on('error', () => {})
          onStream(response, name)
        } catch {
          // It is gone, or we do not want to know any more.
        }
      }),
    )
  }

  async leave(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await rm(join(this.#folder, this.#own), { force: true })
  }

  async #names(): Promise<readonly string[]> {
    const all = await readdir(this.#folder)
    return all.filter((name) => name.startsWith(this.#family) && name !== this.#own)
  }

  /** Sockets of workers that were killed, of this supervisor or of an earlier one, and ours, if the system gave us the id of one. */
  async #sweep(): Promise<void> {
    await rm(join(this.#folder, this.#own), { force: true })
    for (const name of await readdir(this.#folder)) if (name.endsWith('.sock')) await this.#askOne(name, '/', 'GET')
  }

  async #askOne(name: string, path: string, method: string): Promise<object | undefined> {
    const socketPath = join(this.#folder, name)
    try {
      const sent = request({ socketPath, path, method, agent: false, signal: AbortSignal.timeout(PATIENCE) })
      const answered = once(sent, 'response')
      sent.end()
      const [response] = await answered
      return response.statusCode === 200 ? ((await json(response)) as object) : undefined // a worker's own answer
    } catch (error) {
      // Nobody listens there any more. Another that does not answer is busy, and is asked the next time.
      if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')
        await rm(socketPath, { force: true })
      return undefined
    }
  }
}
