/** `postroad send`: hands a message to a server and shows the dialogue; for trying things out. */
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import type { Command } from 'commander'
import { UsageError } from '../config/usage-error.ts'

interface SendOptions {
  readonly server: string
  readonly from: string
  readonly to: readonly string[]
  readonly helo: string
  readonly subject: string
  readonly text: string
  readonly quiet?: boolean
}

/** Adds `send`. */
export function sendCommand(program: Command, outcome: { code: number }): void {
  program
    .command('send')
    .description('send a message over SMTP and show the dialogue; exit code 1 when it is refused')
    .argument('[file]', 'the message, as .eml; default: a short one is made')
    .requiredOption('--to <address...>', 'recipients')
    .option('--from <address>', 'reverse-path; <> for the null one', 'sender@example.org')
    .option('--server <host:port>', 'where to', '127.0.0.1:2525')
    .option('--helo <name>', 'what to call ourselves', os.hostname())
    .option('--subject <text>', 'of the message that is made', 'Hello from postroad send')
    .option('--text <text>', 'of the message that is made', 'It works.')
    .option('--quiet', 'print the last reply only')
    .action(async (file: string | undefined, options: SendOptions) => {
      outcome.code = await send(await content(file, options), options)
    })
}

async function content(file: string | undefined, { from, to, subject, text }: SendOptions): Promise<string> {
  const fields = `From: ${from}\nTo: ${to.join(', ')}\nSubject: ${subject}\nDate: ${new Date().toUTCString().replace('GMT', '+0000')}\nMessage-ID: <${Date.now()}.${process.pid}@${os.hostname()}>\n`
  try {
    return (file ? await readFile(file, 'latin1') : Buffer.from(`${fields}\n${text}\n`).toString('latin1')).replace(/\r?\n/g, '\r\n')
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}

async function send(message: string, options: SendOptions): Promise<number> {
  const dialogue = new Dialogue(await connect(options.server), !options.quiet)
  const path = (address: string): string => (address.startsWith('<') ? address : `<${address}>`)
  const steps = [`EHLO ${options.helo}`, `MAIL FROM:${path(options.from)}`, ...options.to.map((to) => `RCPT TO:${path(to)}`), 'DATA']
  let last = await dialogue.reply()
  let taken = 0
  for (const step of steps) {
    if (last.startsWith('4') || last.startsWith('5')) if (!step.startsWith('RCPT') && !(step === 'DATA' && taken > 0)) break
    last = await dialogue.say(step)
    if (step.startsWith('RCPT') && last.startsWith('2')) taken++
  }
  if (last.startsWith('354')) last = await dialogue.data(message)
  if (options.quiet) process.stdout.write(`${last}\n`)
  await dialogue.say('QUIT')
  return last.startsWith('2') ? 0 : 1
}

function connect(server: string): Promise<net.Socket> {
  const at = server.lastIndexOf(':')
  const [host, port] = at < 0 ? [server, '25'] : [server.slice(0, at).replace(/^\[|\]$/g, ''), server.slice(at + 1)]
  const socket = net.connect({ host, port: Number(port) })
  socket.setEncoding('latin1').setNoDelay(true)
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket))
    socket.once('error', (cause) => reject(new UsageError(`${server} cannot be reached: ${cause.message}`, { cause })))
  })
}

/** Lines out, replies in, all of it shown. */
class Dialogue {
  readonly #socket: net.Socket
  readonly #shown: boolean
  #text = ''
  #ended = false
  #wake: (() => void) | undefined

  constructor(socket: net.Socket, shown: boolean) {
    this.#socket = socket
    this.#shown = shown
    socket.on('data', (text: string) => {
      this.#text += text
      this.#wake?.()
    })
    const over = (): void => {
      this.#ended = true
      this.#wake?.()
    }
    socket.on('close', over).on('error', over).on('end', over)
  }

  say(line: string): Promise<string> {
    this.#show('>', line)
    if (!this.#ended) this.#socket.write(`${line}\r\n`, 'latin1')
    if (line === 'QUIT') this.#socket.end()
    return this.reply()
  }

  data(message: string): Promise<string> {
    const text = message.endsWith('\r\n') ? message : `${message}\r\n`
    this.#show('>', `(${text.length} octets)`)
    // RFC 5321 §4.5.2: a line that begins with a dot gets another one.
    this.#socket.write(`${text.replace(/^\./gm, '..')}.\r\n`, 'latin1')
    return this.reply()
  }

  /** The last line of the next reply. */
  async reply(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\n')
      if (end >= 0) {
        const line = this.#text.slice(0, end).trimEnd()
        this.#text = this.#text.slice(end + 1)
        this.#show('<', line)
        if (line.charAt(3) !== '-') return line
      } else if (this.#ended) return '421 the server closed the connection'
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }

  #show(mark: '<' | '>', line: string): void {
    if (this.#shown) process.stdout.write(`${mark} ${line.replace(/[\u0000-\u001f\u007f-\u009f]/g, '·')}\n`)
  }
}
