/** Reads a mailbox as its owner would: over IMAP (RFC 9051), octet for octet. */
import { connect, type Socket } from 'node:net'
import { PASSWORD } from './dovecot.ts'

const LIMIT_MS = 20_000

/** All messages of the inbox, oldest first. */
export async function readInbox(imapPort: number, user: string): Promise<Buffer[]> {
  const imap = new Imap(connect(imapPort, '127.0.0.1'))
  try {
    await imap.greeting()
    await imap.command(`LOGIN "${user}" "${PASSWORD}"`)
    const selected = (await imap.command('EXAMINE INBOX')).toString('latin1')
    const count = Number(/\* (\d+) EXISTS/.exec(selected)?.[1] ?? 0)
    if (count === 0) return []
    return literals(await imap.command('FETCH 1:* BODY.PEEK[]'))
  } finally {
    imap.close()
  }
}

/** Just enough of a client: one command at a time, answers until its tagged line. */
class Imap {
  readonly #socket: Socket
  #received: Buffer[] = []
  #tail = Buffer.alloc(0)
  #tag = 0
  #wake: () => void = () => undefined
  #error: Error | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error('IMAP server is silent')))
    socket.on('data', (chunk) => {
      this.#received.push(chunk)
      this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-512)
      this.#wake()
    })
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('IMAP server hung up')))
  }

  async greeting(): Promise<void> {
    await this.#until(/\r\n$/)
  }

  async command(text: string): Promise<Buffer> {
    const tag = `t${++this.#tag}`
    this.#received = []
    this.#tail = Buffer.alloc(0)
    this.#socket.write(`${tag} ${text}\r\n`)
    const [, state] = await this.#until(new RegExp(`(?:^|\\r\\n)${tag} (OK|NO|BAD)[^\\r\\n]*\\r\\n$`))
    const answer = Buffer.concat(this.#received)
    if (state !== 'OK') throw new Error(`IMAP: ${answer.toString('latin1')}`)
    return answer
  }

  close(): void {
    this.#socket.destroy()
  }

  async #until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#tail.toString('latin1'))
      if (match !== null) return match
      if (this.#error) throw this.#error
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #fail(error: Error): void {
    this.#error ??= error
    this.#wake()
  }
}

/** The literals `{n}` of an answer, RFC 9051 §4.3. */
function literals(answer: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; ; ) {
    const open = answer.indexOf('BODY[] {', at, 'latin1')
    if (open < 0) return found
    const close = answer.indexOf('}\r\n', open, 'latin1')
    const length = Number(answer.toString('latin1', open + 8, close))
    found.push(answer.subarray(close + 3, close + 3 + length))
    at = close + 3 + length
  }
}
