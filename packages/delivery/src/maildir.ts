/**
 * Final delivery into Maildirs: each message a file, written under `tmp`, synced, moved to `new`, and the move synced, before
 * anybody is told that it is there.
 */
import { type FileHandle, mkdir, open, rename, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Job, MessageSource, Outcome, Recipient, Reply, Transport } from '@postroad/mail'
import { localReply } from './client/reply.ts'
import { DirectorySync, syncDirectory } from './directory-sync.ts'
import { folderName, uniqueName } from './maildir-name.ts'

declare module '@postroad/mail/settings' {
  interface TransportSettings {
    /** The mailbox is that of the address. */
    maildir: {}
  }
}

/** Where and how a {@link maildirTransport} writes. */
export interface MaildirOptions {
  /** The mailboxes are `folder/<local part>/`. */
  readonly folder: string
  /** One level more: `folder/<domain>/<local part>/`. Default false. */
  readonly byDomain?: boolean
  /** A mailbox whose folder is not there is made. Default true; otherwise its mail is refused, 550 5.1.1. */
  readonly create?: boolean
  /** Header field on top that tells the reverse-path, RFC 5321 §4.4. Default true. */
  readonly returnPath?: boolean
  /** Header field on top that tells the recipient, for mailboxes that take mail for many. Default false. */
  readonly deliveredTo?: boolean
  /** Milliseconds since the epoch; for tests. */
  readonly now?: () => number
}

/** A transport that can also tell beforehand whether it would deliver. */
export interface MaildirTransport extends Transport {
  /** Why mail for this recipient would be refused; undefined when it would not. */
  check(recipient: Recipient): Promise<Reply | undefined>
}

const DELIVERED = localReply(250, '2.0.0', 'Delivered to the mailbox')
const UNKNOWN = localReply(550, '5.1.1', 'No such mailbox')
const NO_FOLDER = localReply(451, '4.3.0', 'The mailboxes are not there now')
const BAD_NAME = localReply(550, '5.1.3', 'This mailbox cannot exist here')

/** Delivers into folders of this machine. */
export function maildirTransport(options: MaildirOptions): MaildirTransport {
  const writer = new MaildirWriter(options)
  return {
    deliver: (job) => writer.deliver(job),
    check: (recipient) => writer.check(recipient),
    close: async () => {},
  }
}

/** One recipient's file on its way. */
interface Item {
  readonly recipient: Recipient
  readonly mailbox: string
  /** Goes before the message. */
  readonly head: Uint8Array
  readonly name: string
  readonly log: Job['log']
  handle: FileHandle | undefined
  reply: Reply | undefined
}

class MaildirWriter {
  readonly #options: MaildirOptions
  readonly #folder: string
  readonly #sync = new DirectorySync()

  constructor(options: MaildirOptions) {
    this.#options = options
    this.#folder = resolve(options.folder)
  }

  async check(recipient: Recipient): Promise<Reply | undefined> {
    const mailbox = this.#mailbox(recipient)
    if (mailbox === undefined) return BAD_NAME
    return this.#options.create === false ? await this.#missing(mailbox) : undefined
  }

  /** All recipients go through each step together, so that what the disk must sync it can sync at once. */
  async deliver(job: Job): Promise<readonly Outcome[]> {
    const items = job.recipients.map((recipient) => this.#item(job, recipient))
    try {
      await this.#each(items, (item) => this.#open(item))
      await this.#write(items, job.message)
      if (job.signal.aborted) this.#fail(items, localReply(451, '4.3.2', 'Given up'))
      await this.#each(items, (item) => this.#close(item))
      await this.#each(items, (item) =>
        rename(join(item.mailbox, 'tmp', item.name), join(item.mailbox, 'new', item.name)),
      )
      await this.#each(items, (item) => this.#sync.sync(join(item.mailbox, 'new')))
    } finally {
      await Promise.all(items.map((item) => this.#clean(item)))
    }
    return items.map(({ recipient, reply = DELIVERED }) => ({ recipient, kind: kindOf(reply), reply }))
  }

  #item(job: Job, recipient: Recipient): Item {
    const { returnPath = true, deliveredTo = false, now = Date.now } = this.#options
    const mailbox = this.#mailbox(recipient)
    // RFC 5321 §4.4: the final delivery puts the reverse-path on top.
    const lines = [
      deliveredTo ? `Delivered-To: ${recipient.address}\r\n` : '',
      returnPath ? `Return-Path: <${job.from ?? ''}>\r\n` : '',
    ]
    const head = Buffer.from(lines.join(''), 'utf8')
    const name = uniqueName(now(), head.length + job.message.size)
    return {
      recipient,
      mailbox: mailbox ?? '',
      head,
      name,
      log: job.log,
      handle: undefined,
      reply: mailbox === undefined ? BAD_NAME : undefined,
    }
  }

  #mailbox({ address }: Recipient): string | undefined {
    const name = folderName(address.local)
    if (name === undefined) return undefined
    if (!this.#options.byDomain) return join(this.#folder, name)
    const domain = folderName(address.domain === '' ? 'localhost' : address.domain)
    return domain === undefined ? undefined : join(this.#folder, domain, name)
  }

  /** Does a step for every recipient that is not decided yet; an error decides for its recipient only. */
  async #each(items: readonly Item[], step: (item: Item) => Promise<unknown>): Promise<void> {
    const open = items.filter((item) => item.reply === undefined)
    await Promise.all(
      open.map(async (item) => {
        try {
          await step(item)
        } catch (error) {
          // The sender is told no internals; the operator needs them.
          item.log?.warn({ mailbox: item.mailbox, error }, 'a mailbox cannot be written')
          item.reply = toReply(error)
        }
      }),
    )
  }

  #fail(items: readonly Item[], reply: Reply): void {
    for (const item of items) item.reply ??= reply
  }

  async #open(item: Item): Promise<void> {
    const path = join(item.mailbox, 'tmp', item.name)
    try {
      item.handle = await open(path, 'wx', 0o600)
    } catch (error) {
      // Looking first would cost a system call for every message of a mailbox that is there.
      if (codeOf(error) !== 'ENOENT') throw error
      if (this.#options.create === false) item.reply = await this.#missing(item.mailbox)
      if (item.reply !== undefined) return
      await makeMaildir(item.mailbox, this.#folder)
      item.handle = await open(path, 'wx', 0o600)
    }
  }

  /** Whether a mailbox is not there; when not even the folder of all is, that is a fault of ours and no reason to bounce. */
  async #missing(mailbox: string): Promise<Reply | undefined> {
    if (await isDirectory(mailbox)) return undefined
    return (await isDirectory(this.#folder)) ? UNKNOWN : NO_FOLDER
  }

  async #write(items: readonly Item[], message: MessageSource): Promise<void> {
    const chunks = message.chunks?.()
    if (chunks !== undefined) return await this.#each(items, (item) => writeAll(item.handle, [item.head, ...chunks]))
    await this.#each(items, (item) => writeAll(item.handle, [item.head]))
    try {
      for await (const chunk of message.raw()) await this.#each(items, (item) => writeAll(item.handle, [chunk]))
    } catch (error) {
      items[0]?.log?.warn({ error }, 'a message cannot be read')
      this.#fail(items, localReply(451, '4.3.0', 'The message could not be read'))
    }
  }

  async #close(item: Item): Promise<void> {
    const { handle } = item
    item.handle = undefined
    try {
      await handle?.sync()
    } finally {
      await handle?.close()
    }
  }

  /** What was not delivered leaves no file behind. */
  async #clean(item: Item): Promise<void> {
    if (item.reply === undefined || item.mailbox === '') return
    // What cannot be removed either is in `tmp`, where mailbox servers clean up after 36 hours, or arrives twice.
    await item.handle?.close().catch(() => {})
    for (const name of ['tmp', 'new']) await unlink(join(item.mailbox, name, item.name)).catch(() => {})
  }
}

/** Makes the folders of a mailbox, durably: up to `folder`, and above it what was not there. */
async function makeMaildir(mailbox: string, folder: string): Promise<void> {
  let top = folder
  let isTopNew = false
  for (const name of ['cur', 'new']) {
    const first = await mkdir(join(mailbox, name), { recursive: true, mode: 0o700 })
    if (first === undefined || first.length > top.length) continue
    top = first
    isTopNew = true
  }
  // All of them, whoever made them: another delivery that did so a moment ago may not have synced them yet.
  for (let path = mailbox; path.length >= top.length; path = dirname(path)) await syncDirectory(path)
  if (isTopNew) await syncDirectory(dirname(top))
  // Last: a delivery that finds `tmp` relies on everything else.
  await mkdir(join(mailbox, 'tmp'), { recursive: true, mode: 0o700 })
}

/** Writes all of it: `writev` may stop early, when a disk is nearly full. */
async function writeAll(handle: FileHandle | undefined, chunks: readonly Uint8Array[]): Promise<void> {
  if (handle === undefined) return
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  let { bytesWritten } = await handle.writev(chunks)
  if (bytesWritten === total) return
  const all = Buffer.concat(chunks)
  while (bytesWritten < total) bytesWritten += (await handle.write(all, bytesWritten)).bytesWritten
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false
    throw error
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** What an error of the file system means to the sender, RFC 3463. */
const REPLIES: ReadonlyMap<string, Reply> = new Map([
  ['ENOSPC', localReply(452, '4.3.1', 'Insufficient system storage')],
  ['EDQUOT', localReply(452, '4.2.2', 'The mailbox is full')],
  ['ENAMETOOLONG', BAD_NAME],
])

function toReply(error: unknown): Reply {
  return REPLIES.get(codeOf(error)) ?? localReply(451, '4.3.0', 'The mailbox cannot be written now')
}

function kindOf(reply: Reply): Outcome['kind'] {
  return reply.code < 300 ? 'delivered' : reply.code < 500 ? 'deferred' : 'failed'
}
