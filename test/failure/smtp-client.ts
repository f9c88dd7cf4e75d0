/** The least SMTP client: a line out, a reply in. */
import net from 'node:net'

const open = new Set<SmtpClient>()

export class SmtpClient {
  readonly #socket: net.Socket
  #text = ''
  #ended = false
  #wake: (() => void) | undefined

  private constructor(socket: net.Socket) {
    this.#socket = socket
    open.add(this)
    socket.setEncoding('latin1').setNoDelay(true)
    socket.on('data', (text: string) => {
      this.#text += text
      this.#wake?.()
    })
    const over = (): void => {
      this.#ended = true
      open.delete(this)
      this.#wake?.()
    }
    socket.on('error', over).on('close', over).on('end', over)
  }

  static async connect(port: number | string): Promise<SmtpClient> {
    const socket = typeof port === 'string' ? net.connect({ path: port }) : net.connect({ host: '127.0.0.1', port })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new SmtpClient(socket)
  }

  /** The connection of every client breaks. One that only closes its side is owed its reply, docs/decisions/0021. */
  static breakAll(): void {
    for (const client of open) client.#socket.resetAndDestroy()
  }

  send(line: string): Promise<string> {
    this.#socket.write(`${line}\r\n`)
    return this.reply()
  }

  /** Octets without a line end, of a message. */
  write(text: string): void {
    this.#socket.write(text, 'latin1')
  }

  /** The last line of the next reply; empty when the server closed the connection. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-[^\n]*\n)*(\d{3}(?: [^\n]*)?)\r?\n/.exec(this.#text)
      if (match?.[1] !== undefined) {
        this.#text = this.#text.slice(match[0].length)
        return match[1].trimEnd()
      }
      if (this.#ended) return ''
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async closed(): Promise<void> {
    while (!this.#ended)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
  }

  async quit(): Promise<void> {
    if (this.#ended) return
    await this.send('QUIT')
    this.end()
  }

  end(): void {
    this.#socket.destroy()
    this.#ended = true
    this.#wake?.()
  }
}
