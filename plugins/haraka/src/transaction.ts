/** `connection.transaction`, as plugins see it. */
import { types } from 'node:util'
import type { Address as HarakaAddress } from '@haraka/email-address'
import type { Message } from '@postroad/plugin'
import { Body, Header } from 'haraka-email-message'
import Notes from 'haraka-notes'
import type ResultStore from 'haraka-results'
import { HeaderEdits } from './header-edits.ts'
import { HarakaStream } from './stream.ts'

const LF = 0x0a
const CR = 0x0d

type Filter = (type: string, encoding: string, buffer: Buffer) => Buffer | undefined
type AttachmentStart = (...given: unknown[]) => void

/** One mail transaction. */
export class HarakaTransaction {
  readonly uuid: string
  mail_from: HarakaAddress | null = null
  rcpt_to: HarakaAddress[] = []
  readonly notes: InstanceType<typeof Notes>
  header = new Header()
  body: Body | null = null
  parse_body: boolean | number = false
  banner: readonly [string, string] | null = null
  readonly body_filters: { readonly ct_match: unknown; readonly filter: Filter }[] = []
  readonly attachment_start_hooks: AttachmentStart[] = []
  readonly message_stream: HarakaStream
  // Set by whoever makes it: results of plugins need the connection.
  declare results: ResultStore
  data_bytes = 0
  header_lines: string[] = []
  header_pos = 0
  found_hb_sep = false
  discard_data = false
  resetting = false
  mime_part_count = 0
  encoding = 'utf8'
  readonly rcpt_count = { accept: 0, tempfail: 0, reject: 0 }
  msg_status: string | undefined
  data_post_start: number | null = null
  data_post_delay = 0
  declare _relaying: boolean
  #edits: HeaderEdits | undefined
  #rewritten: Buffer[] | undefined
  #bytes: Buffer | undefined

  constructor(uuid: string) {
    this.uuid = uuid
    this.notes = new Notes()
    this.notes['skip_plugins'] = []
    this.message_stream = new HarakaStream(
      uuid,
      () => this.#edits?.octets() ?? this.header.header_list.map((line) => Buffer.from(line.replace(/\r?\n/g, '\r\n'))),
    )
  }

  /** The changes of the header so far; undefined before the message is there. */
  get edits(): HeaderEdits | undefined {
    return this.#edits
  }

  /** The octets of the body that filters and a banner have made; undefined when it is as received. */
  get rewrittenBody(): readonly Buffer[] | undefined {
    return this.#rewritten
  }

  /** The message is there: its header is parsed, and its body where a plugin has asked for it. */
  async fill(message: Message): Promise<void> {
    this.#edits = new HeaderEdits(message, this.header)
    this.found_hb_sep = true
    this.header_lines = [...this.header.header_list]
    this.reset_headers()
    this.data_bytes = message.size
    this.message_stream.fill(message, () => this.#body(message))
    if (this.parse_body) await this.#parse(message)
  }

  async *#body(message: Message): AsyncGenerator<Uint8Array> {
    if (this.#rewritten) yield* this.#rewritten
    else yield* message.body()
  }

  async #parse(message: Message): Promise<void> {
    this.ensure_body()
    const { body } = this
    if (!body) return
    const changes = this.banner !== null || this.body_filters.length > 0
    const out: Buffer[] = []
    const lines = new BareLines()
    const parse = (line: Buffer): void => {
      const made = body.parse_more(line)
      if (changes && made.length > 0) out.push(made)
    }
    for await (const piece of message.body()) lines.take(piece, parse)
    lines.end(parse)
    const last = body.parse_end()
    if (last.length > 0) body.force_end()
    if (!changes) return
    out.push(last)
    this.#rewritten = [Buffer.from(Buffer.concat(out).toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1')]
  }

  ensure_body(): void {
    if (this.body) return
    this.body = new Body(this.header)
    this.body.on('mime_boundary', () => this.incr_mime_count())
    for (const hook of this.attachment_start_hooks) this.body.on('attachment_start', hook)
    if (this.banner) this.body.set_banner(this.banner)
    for (const { ct_match, filter } of this.body_filters) this.body.add_filter(filtering(ct_match, filter))
  }

  add_header(name: string, value: string): void {
    this.header.add_end(name, String(value))
    this.reset_headers()
  }

  add_leading_header(name: string, value: string): void {
    this.header.add(name, String(value))
    this.reset_headers()
  }

  remove_header(name: string): void {
    this.header.remove(name)
    this.reset_headers()
  }

  reset_headers(): void {
    if (this.found_hb_sep) this.header_pos = this.header.header_list.length
  }

  attachment_hooks(start: AttachmentStart): void {
    this.parse_body = true
    this.attachment_start_hooks.push(start)
  }

  set_banner(text: string, html?: string): void {
    this.parse_body = true
    this.banner = [text, html ?? text.replace(/\n/g, '<br/>\n')]
  }

  add_body_filter(match: unknown, filter: Filter): void {
    this.parse_body = true
    this.body_filters.push({ ct_match: match, filter })
    this.body?.add_filter(filtering(match, filter))
  }

  incr_mime_count(): void {
    this.mime_part_count++
  }

  /** A line of the message, for tests of plugins: the server fills a transaction at once. */
  add_data(line: string | Uint8Array): void {
    const text = typeof line === 'string' ? Buffer.from(line) : Buffer.from(line)
    this.#bytes = this.#bytes ? Buffer.concat([this.#bytes, text]) : text
    this.data_bytes += text.length
    this.message_stream.add_line(text)
    const isEmpty = text.length <= 2 && /^\r?\n$/.test(text.toString('latin1'))
    if (!this.found_hb_sep && !isEmpty) this.header_lines.push(text.toString('utf8').replace(/\r\n$/, '\n'))
    else if (!this.found_hb_sep) {
      this.header.parse(this.header_lines)
      this.found_hb_sep = true
      this.reset_headers()
      if (this.parse_body) this.ensure_body()
    } else if (this.parse_body) {
      this.ensure_body()
      this.body?.parse_more(Buffer.from(text.toString('latin1').replace(/^\./, '').replace(/\r\n$/, '\n'), 'latin1'))
    }
  }

  /** Ends what {@link add_data} began. */
  end_data(done?: () => void): void {
    if (!this.found_hb_sep && this.header_lines.length > 0) {
      this.header.parse(this.header_lines)
      this.found_hb_sep = true
      this.reset_headers()
    }
    if (this.parse_body && this.body) {
      if (this.body.parse_end().length > 0) this.body.force_end()
    }
    done?.()
  }

  /** What {@link add_data} has taken. */
  get given(): Buffer | undefined {
    return this.#bytes
  }
}

function filtering(match: unknown, filter: Filter): (type: string, encoding: string, buffer: Buffer) => Buffer {
  return (type, encoding, buffer) => {
    const kind = String(type ?? '')
      .toLowerCase()
      .trim()
    if (kind === '') return buffer
    const fits = types.isRegExp(match) ? match.test(kind) : kind.startsWith(String(match).toLowerCase())
    return fits ? (filter(type, encoding, buffer) ?? buffer) : buffer
  }
}

/** Lines with `\n`, as the parser of the library wants them. */
class BareLines {
  #rest: Buffer = Buffer.alloc(0)

  take(piece: Uint8Array, to: (line: Buffer) => void): void {
    const view = Buffer.from(piece.buffer, piece.byteOffset, piece.length)
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, view]) : view
    // All lines of a piece in one new buffer: the octets of the message are not to be changed.
    const made = Buffer.allocUnsafeSlow(all.length)
    let from = 0
    let filled = 0
    for (let at = all.indexOf(LF); at >= 0; at = all.indexOf(LF, from)) {
      const isCrlf = at > from && all[at - 1] === CR
      const begin = filled
      filled += all.copy(made, filled, from, isCrlf ? at - 1 : at)
      made[filled++] = LF
      to(made.subarray(begin, filled))
      from = at + 1
    }
    this.#rest = all.subarray(from)
  }

  end(to: (line: Buffer) => void): void {
    if (this.#rest.length > 0) to(this.#rest)
    this.#rest = Buffer.alloc(0)
  }
}
