/** What reads of the queue in Redis and writes nothing: lists, counts, content. */

import type { MessageSource } from '@postroad/mail'
import {
  type FinishedMessage,
  type QueuedMessage,
  type QueueEntry,
  QueueError,
  type Suspension,
} from '@postroad/queue-engine'
import type { Argument, RedisLink, Script } from '@postroad/redis-link'
import { type ContentFolder, Contents, missingContent } from './contents.ts'
import { type ContentNote, decodeEnvelope, decodeFinished, decodeStates } from './record.ts'
import * as scripts from './scripts.ts'

/** Entries of one step. */
export const PAGE = 200

/** Whose entries are read. */
export interface ReaderOptions {
  readonly link: RedisLink
  /** Name of the queue: several may share a server. */
  readonly name: string
  /** Large content stands in files in a folder that all nodes share. Default: all content is in Redis. */
  readonly files?: ContentFolder | undefined
  /** Something an operator should see. */
  readonly onProblem?: (problem: QueueError) => void
}

/** The reading half of {@link QueueStore}, over one queue in Redis. */
export class RedisReader {
  protected readonly link: RedisLink
  protected readonly space: string
  protected readonly contents: Contents
  protected readonly onProblem: (problem: QueueError) => void

  constructor({ link, name, files, onProblem = () => {} }: ReaderOptions) {
    this.link = link
    this.space = `{${link.prefix}:queue:${name}}:`
    this.contents = new Contents(link, this.space, files)
    this.onProblem = onProblem
  }

  async nextDue(): Promise<number | undefined> {
    const [, at] = (await this.send('zrange', 'scheduled', 0, 0, 'WITHSCORES')) as string[] // as the command says
    return at === undefined ? undefined : Number(at)
  }

  async waitingDestinations(): Promise<readonly string[]> {
    return ((await this.send('hkeys', 'lanes')) as string[]).sort() // as the command says
  }

  content(message: QueuedMessage): MessageSource {
    const note = notes.get(message)
    return note ? this.contents.read(message.id, { ...note, size: message.size }) : this.#lookUp(message)
  }

  async get(id: string): Promise<QueueEntry | undefined> {
    const [entry] = await this.read([id])
    return entry
  }

  async getFinished(id: string): Promise<FinishedMessage | undefined> {
    const record = await this.send('hget', 'finished', id)
    return typeof record === 'string' ? decodeFinished(record) : undefined
  }

  async *list({ after = '', signal }: ListOptions = {}): AsyncGenerator<QueueEntry> {
    for await (const ids of this.#pages('ids', { after, signal })) {
      for (const entry of await this.read(ids)) {
        if (signal?.aborted) return
        yield entry
      }
    }
  }

  async *finished({ after = '', signal }: ListOptions = {}): AsyncGenerator<FinishedMessage> {
    for await (const ids of this.#pages('finishedIds', { after, signal })) {
      for (const record of (await this.send('hmget', 'finished', ...ids)) as (string | null)[]) {
        if (signal?.aborted) return
        if (record !== null) yield decodeFinished(record)
      }
    }
  }

  async suspensions(): Promise<readonly Suspension[]> {
    const all = (await this.send('hvals', 'suspensions')) as string[] // as the command says
    return all.map((each): Suspension => JSON.parse(each)) // `suspend` wrote them
  }

  async *corrupt(): AsyncGenerator<{ readonly id: string; readonly octets: Buffer }> {
    for (const id of (await this.send('smembers', 'corrupt')) as string[]) {
      // as the command says
      const octets = await this.link.send('get', [`${this.space}e:${id}`], { buffers: true })
      yield { id, octets: Buffer.isBuffer(octets) ? octets : Buffer.alloc(0) }
    }
  }

  /** What is known of a message's content; for whoever has read or written its envelope. */
  protected note(message: QueuedMessage, note: ContentNote): void {
    notes.set(message, note)
  }

  protected noteOf(message: QueuedMessage): ContentNote | undefined {
    return notes.get(message)
  }

  /** Version of the states that were read with the message. */
  protected versionOf(message: QueuedMessage): string {
    return versions.get(message) ?? '0'
  }

  protected run(script: Script, args: readonly Argument[]): Promise<unknown> {
    return this.link.run(script, [`${this.space}ids`], args)
  }

  protected send(command: string, key: string, ...args: readonly Argument[]): Promise<unknown> {
    return this.link.send(command, [this.space + key, ...args])
  }

  protected async read(ids: readonly string[]): Promise<QueueEntry[]> {
    const found = (await this.run(scripts.READ, ids)) as [string, string, string[]][] // see the script
    return found.flatMap(([id, envelope, fields]) => {
      try {
        const { message, content } = decodeEnvelope(id, envelope)
        notes.set(message, content)
        const map = toMap(fields)
        versions.set(message, map.get('v') ?? '0')
        return [{ message, states: decodeStates(message, map) }]
      } catch (error) {
        if (error instanceof QueueError) this.onProblem(error)
        return []
      }
    })
  }

  async *#pages(index: string, { after = '', signal }: ListOptions): AsyncGenerator<string[]> {
    for (let last = after; !signal?.aborted; ) {
      const ids = (await this.send(
        'zrangebylex',
        index,
        last === '' ? '-' : `(${last}`,
        '+',
        'LIMIT',
        0,
        PAGE,
      )) as string[]
      if (ids.length > 0) yield ids
      if (ids.length < PAGE) return
      last = ids.at(-1) ?? last
    }
  }

  #lookUp(message: QueuedMessage): MessageSource {
    const { size } = message
    const open = async (): Promise<MessageSource> => {
      const [found] = await this.read([message.id])
      return found ? this.content(found.message) : missingContent(size)
    }
    return {
      size,
      async *raw(lend) {
        yield* (await open()).raw(lend)
      },
    }
  }
}

interface ListOptions {
  readonly after?: string
  readonly signal?: AbortSignal | undefined
}

/** What is known of the content of messages that this process has seen. */
const notes = new WeakMap<QueuedMessage, ContentNote>()
/** Version of the states that were read with a message. */
const versions = new WeakMap<QueuedMessage, string>()

function toMap(fields: readonly string[]): Map<string, string> {
  const map = new Map<string, string>()
  for (let at = 0; at < fields.length; at += 2) map.set(fields[at] ?? '', fields[at + 1] ?? '')
  return map
}
