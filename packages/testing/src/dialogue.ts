/**
 * SMTP dialogues as text files, over a real socket: `C:` lines go to the server, `S:` lines must come from it.
 *
 *     # Comments explain.
 *     S: 220 *
 *     C: EHLO client.test
 *     S: 250-*            one or more lines that continue
 *     S: 250 *            the last line; `*` stands for any text
 *     S: 550 5.7.1 No     also of `550 5.7.1 No (id 1M8…)`: the id of a refusal need not be written
 *     C: MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>      escapes: \r \n \t \\ \0 \xHH; a line end is added
 *     C! text              the same without a line end added
 *     S! closed            the server closes the connection
 */
import assert from 'node:assert/strict'
import net from 'node:net'

/** One line of a dialogue. */
export interface DialogueLine {
  readonly kind: 'client' | 'server' | 'closed'
  /** Octets to send as latin1 text, or the pattern expected. */
  readonly text: string
  /** In the file, from 1. */
  readonly line: number
}

/** How the client's octets are sent. */
export interface DialogueOptions {
  readonly host?: string
  readonly port: number
  /** Where the client's octets of one step are cut, in octets; or `1` for octet by octet. Default: not at all. */
  readonly cut?: number | readonly number[]
  /** Milliseconds to wait for a reply. Default 5,000. */
  readonly timeout?: number
}

/** @throws {SyntaxError} when a line is neither `C:`, `C!`, `S:`, `S! closed`, empty nor a comment */
export function parseDialogue(text: string): readonly DialogueLine[] {
  const lines: DialogueLine[] = []
  for (const [index, row] of text.split(/\r?\n/).entries()) {
    const line = index + 1
    if (row.trim() === '' || row.startsWith('#')) continue
    const mark = row.slice(0, 2)
    const rest = row.slice(2).replace(/^ /, '')
    if (mark === 'C:') lines.push({ kind: 'client', text: `${unescaped(rest)}\r\n`, line })
    else if (mark === 'C!') lines.push({ kind: 'client', text: unescaped(rest), line })
    else if (mark === 'S:') lines.push({ kind: 'server', text: rest.trimEnd(), line })
    else if (row.trim() === 'S! closed') lines.push({ kind: 'closed', text: '', line })
    else throw new SyntaxError(`line ${line}: neither C: nor S: nor a comment: ${row.slice(0, 60)}`)
  }
  return lines
}

/**
 * Runs a dialogue against a server.
 *
 * @throws {AssertionError} naming the line of the file and what came instead
 * @example await runDialogue(await readFile('test/dialogues/quit.smtp', 'utf8'), { port: 2525 })
 */
export async function runDialogue(text: string, options: DialogueOptions): Promise<void> {
  const peer = await Peer.connect(options)
  try {
    const lines = parseDialogue(text)
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i] as DialogueLine // within bounds
      if (line.kind === 'client') await peer.send(line.text)
      else if (line.kind === 'closed') await peer.closed(line.line)
      else i = await expectReply(peer, lines, i)
    }
  } finally {
    peer.end()
  }
}

/** One `S:` line; `250-*` takes as many continued lines as come. Gives the index of the last line used. */
async function expectReply(peer: Peer, lines: readonly DialogueLine[], index: number): Promise<number> {
  const expected = lines[index] as DialogueLine // within bounds
  if (!/^\d{3}-\*$/.test(expected.text)) {
    matches(expected, await peer.line(expected.line))
    return index
  }
  while ((await peer.peek(expected.line)).startsWith(expected.text.slice(0, 4))) await peer.line(expected.line)
  return index
}

/** What a refusal tells of itself, another one each time: who does not write of it does not mean it. */
const ID = / \(id [\w.]+\)$/

function matches({ text, line }: DialogueLine, said: string): void {
  const got = text.includes('(id ') ? said : said.replace(ID, '')
  const parts = text.split('*')
  const [head = '', ...rest] = parts
  let at = head.length
  let fits = got.startsWith(head) && (rest.length > 0 || got === head)
  for (const [index, part] of rest.entries()) {
    const isLast = index === rest.length - 1
    const found = isLast ? got.length - part.length : got.indexOf(part, at)
    fits &&= found >= at && got.slice(found, found + part.length) === part
    at = found + part.length
  }
  assert.ok(fits, `line ${line}: expected "${text}", got "${got}"`)
}

class Peer {
  readonly #socket: net.Socket
  readonly #options: DialogueOptions
  #text = ''
  #ended = false
  #wake: (() => void) | undefined

  private constructor(socket: net.Socket, options: DialogueOptions) {
    this.#socket = socket
    this.#options = options
    socket.setEncoding('latin1').setNoDelay(true)
    socket.on('data', (text: string) => {
      this.#text += text
      this.#wake?.()
    })
    const over = (): void => {
      this.#ended = true
      this.#wake?.()
    }
    socket.on('error', over).on('close', over).on('end', over)
  }

  static async connect(options: DialogueOptions): Promise<Peer> {
    const socket = net.connect({ host: options.host ?? '127.0.0.1', port: options.port })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new Peer(socket, options)
  }

  async send(text: string): Promise<void> {
    const bytes = Buffer.from(text, 'latin1')
    for (const piece of pieces(bytes, this.#options.cut)) {
      if (this.#ended) return
      await new Promise<void>((resolve) => this.#socket.write(piece, () => resolve()))
      if (this.#options.cut !== undefined) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async line(number: number): Promise<string> {
    const line = await this.peek(number)
    this.#text = this.#text.slice(this.#text.indexOf('\n') + 1)
    return line
  }

  async peek(number: number): Promise<string> {
    await this.#until(() => this.#text.includes('\n') || this.#ended, number)
    const end = this.#text.indexOf('\n')
    if (end < 0) assert.fail(`line ${number}: the server closed the connection`)
    return this.#text.slice(0, end).replace(/\r$/, '')
  }

  async closed(number: number): Promise<void> {
    await this.#until(() => this.#ended, number)
    assert.equal(this.#text, '', `line ${number}: the server said more before it closed`)
  }

  end(): void {
    this.#socket.destroy()
  }

  async #until(done: () => boolean, line: number): Promise<void> {
    const timer = setTimeout(() => this.#wake?.(), this.#options.timeout ?? 5_000)
    const deadline = Date.now() + (this.#options.timeout ?? 5_000)
    try {
      while (!done()) {
        if (Date.now() >= deadline)
          assert.fail(`line ${line}: no answer; received so far: ${JSON.stringify(this.#text)}`)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      clearTimeout(timer)
      this.#wake = undefined
    }
  }
}

function pieces(bytes: Buffer, cut: DialogueOptions['cut']): readonly Buffer[] {
  if (cut === undefined) return [bytes]
  if (typeof cut === 'number')
    return Array.from({ length: Math.ceil(bytes.length / cut) }, (_, index) =>
      bytes.subarray(index * cut, (index + 1) * cut),
    )
  const edges = [0, ...cut.filter((at) => at > 0 && at < bytes.length), bytes.length]
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge))
}

function unescaped(text: string): string {
  return text.replace(/\\(x[0-9a-fA-F]{2}|[rnt0\\])/g, (_, code: string) => {
    if (code.startsWith('x')) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' }[code] ?? ''
  })
}
