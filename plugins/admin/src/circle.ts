/** The workers of a server as one: each answers the others, and whoever has the connection answers for all. */
import cluster from 'node:cluster'
import { mkdir } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import path from 'node:path'
import { Siblings } from '@postroad/siblings'

/** What this worker tells the others. */
export type Answering = (url: URL, method: string, response: ServerResponse) => void | Promise<void>

/** Answers of all workers. */
export interface Merged<T> {
  readonly all: readonly T[]
  readonly workers: { readonly asked: number; readonly answered: number }
}

interface Joined {
  readonly siblings: Promise<Siblings>
  /** Of the generations that are there: the youngest answers. */
  readonly answering: Answering[]
}

/** A process has one socket, whatever generations come and go. */
const joined = new Map<string, Joined>()

/** The other workers; alone, there are none. */
export class Circle {
  readonly #joined: Joined | undefined
  readonly #folder: string
  readonly #answering: Answering

  private constructor(folder: string, answering: Answering, own: Joined | undefined) {
    this.#folder = folder
    this.#answering = answering
    this.#joined = own
  }

  /** @param folder of the plugin */
  static async join(folder: string, answering: Answering): Promise<Circle> {
    if (!cluster.isWorker) return new Circle(folder, answering, undefined)
    let own = joined.get(folder)
    if (!own) {
      const all: Answering[] = []
      own = { answering: all, siblings: listen(folder, all) }
      joined.set(folder, own)
      own.siblings.catch(() => joined.delete(folder))
    }
    own.answering.push(answering)
    await own.siblings
    return new Circle(folder, answering, own)
  }

  /** Ours, and what the others answer to the same. */
  async ask<T extends object>(own: T, url: string, method: 'GET' | 'POST' = 'GET'): Promise<Merged<T>> {
    const others = await (await this.#joined?.siblings)?.ask(url, method)
    const answers = (others?.answers ?? []) as readonly T[] // of workers of the same server, by the same code
    return { all: [own, ...answers], workers: { asked: 1 + (others?.asked ?? 0), answered: 1 + answers.length } }
  }

  /** Follows the streams of all others that are not known yet. */
  async follow(
    url: string,
    options: { readonly signal: AbortSignal; readonly known: ReadonlySet<string> },
    onStream: (stream: IncomingMessage, name: string) => void,
  ): Promise<void> {
    await (await this.#joined?.siblings)?.open(url, options, onStream)
  }

  async leave(): Promise<void> {
    const own = this.#joined
    if (!own) return
    own.answering.splice(own.answering.indexOf(this.#answering), 1)
    if (own.answering.length > 0) return
    joined.delete(this.#folder)
    await (await own.siblings).leave()
  }
}

async function listen(folder: string, answering: readonly Answering[]): Promise<Siblings> {
  const own = path.join(folder, 'workers')
  await mkdir(own, { recursive: true, mode: 0o700 })
  return Siblings.join(own, 'admin', (request, response) => {
    const answer = answering.at(-1)
    if (!answer) return void response.writeHead(503).end()
    Promise.resolve(answer(new URL(request.url ?? '/', 'http://worker'), request.method ?? 'GET', response)).catch(() =>
      response.writeHead(500).end(),
    )
  })
}
