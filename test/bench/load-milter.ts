/** Messages as a mail server shows them to a milter, on sessions that stay: what needs no answer is written together with what comes next. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { ANSWER, COMMAND, FrameReader, STEP, VERSION } from '@postroad/milter-protocol'
import type { Driver, Load, Loaded } from './load.ts'

const ALL_ACTIONS = 0x1ff
const ALL_STEPS = 0x1f_ffff
const CLIENT = '127.0.0.1'

/** One step of a session: what is shown, and by which bits of negotiation it is left out, or waits for no answer. */
interface Step {
  readonly frames: Buffer
  readonly leftOut: number
  readonly quiet: number
}

/** Opens the sessions, up to HELO. @param data the message as DATA has it */
export async function openMilter(socket: string, sessions: number, data: Buffer): Promise<Driver> {
  const steps = stepsOf(data)
  const clients = await Promise.all(Array.from({ length: sessions }, () => Session.open(socket)))
  return {
    async send({ messages, limitMs }: Load): Promise<Loaded> {
      const started = performance.now()
      const waits: number[] = []
      let left = messages
      await Promise.all(
        clients.map(async (client) => {
          while (left-- > 0 && performance.now() - started < limitMs) {
            const since = performance.now()
            await client.show(steps)
            waits.push(performance.now() - since)
          }
        }),
      )
      return { messages: waits.length, ms: performance.now() - started, waits }
    },
    close() {
      for (const client of clients) client.close()
    },
  }
}

class Session {
  readonly #socket: Socket
  readonly #reader = new FrameReader()
  #steps = 0
  #heard: (error?: Error) => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#hear(chunk))
    socket.on('error', (error) => this.#heard(error))
    socket.on('close', () => this.#heard(new Error('the milter hung up')))
  }

  static async open(path: string): Promise<Session> {
    const socket = connect(path)
    await once(socket, 'connect')
    const session = new Session(socket)
    const options = Buffer.alloc(12)
    options.writeUInt32BE(VERSION, 0)
    options.writeUInt32BE(ALL_ACTIONS, 4)
    options.writeUInt32BE(ALL_STEPS, 8)
    await session.#say(frame(COMMAND.options, options))
    await session.show(GREETING)
    return session
  }

  /** Resolves when the last step has its answer. */
  async show(steps: readonly Step[]): Promise<void> {
    let waiting: Buffer[] = []
    for (const { frames, leftOut, quiet } of steps) {
      if ((this.#steps & leftOut) !== 0) continue
      waiting.push(frames)
      if ((this.#steps & quiet) !== 0) continue
      const together = Buffer.concat(waiting)
      waiting = []
      await this.#say(together)
    }
    if (waiting.length > 0) this.#socket.write(Buffer.concat(waiting))
  }

  close(): void {
    this.#heard = () => undefined
    this.#socket.destroy()
  }

  #say(octets: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#heard = (error) => (error ? reject(error) : resolve())
      this.#socket.write(octets)
    })
  }

  #hear(chunk: Buffer): void {
    this.#reader.push(chunk)
    for (let found = this.#reader.next(); found; found = this.#reader.next()) {
      if (found.code === ANSWER.options) {
        this.#steps = found.data.readUInt32BE(8)
        this.#heard()
      } else if (found.code === ANSWER.continue) this.#heard()
      else if (!EDITS.has(found.code)) this.#heard(new Error(`the milter said ${String.fromCharCode(found.code)}`))
    }
  }
}

/** What may come before the answer to the end of a message. */
const EDITS: ReadonlySet<number> = new Set([
  ANSWER.insertHeader,
  ANSWER.addHeader,
  ANSWER.changeHeader,
  ANSWER.progress,
])

const GREETING: readonly Step[] = [
  {
    frames: Buffer.concat([
      macros(COMMAND.connect, ['j', 'mx.postroad.test', '{daemon_name}', 'mx.postroad.test', 'v', 'Postfix 3.7.11']),
      frame(COMMAND.connect, Buffer.from(`client.example\x004\x9c\x40${CLIENT}\0`, 'latin1')),
    ]),
    leftOut: STEP.noConnect,
    quiet: STEP.quietConnect,
  },
  { frames: frame(COMMAND.helo, text('client.example')), leftOut: STEP.noHelo, quiet: STEP.quietHelo },
]

/** From MAIL to the end of the message. */
function stepsOf(data: Buffer): readonly Step[] {
  const whole = data
    .toString('latin1')
    .replace(/\r\n\.\r\n$/, '\r\n')
    .replace(/^\.\./gm, '.')
  const end = whole.indexOf('\r\n\r\n')
  const fields = whole
    .slice(0, end)
    .replaceAll('\r\n', '\n')
    .split(/\n(?![ \t])/)
  const headers = fields.map((field) => {
    const colon = field.indexOf(':')
    return frame(COMMAND.header, Buffer.from(`${field.slice(0, colon)}\0${field.slice(colon + 1)}\0`, 'latin1'))
  })
  const step = (frames: Buffer, leftOut: number, quiet: number): Step => ({ frames, leftOut, quiet })
  return [
    step(
      Buffer.concat([
        macros(COMMAND.mail, ['{mail_addr}', 'sender@client.example']),
        frame(COMMAND.mail, text('<sender@client.example>')),
      ]),
      STEP.noMail,
      STEP.quietMail,
    ),
    step(
      Buffer.concat([
        macros(COMMAND.rcpt, ['{rcpt_addr}', 'alice@postroad.test']),
        frame(COMMAND.rcpt, text('<alice@postroad.test>')),
      ]),
      STEP.noRcpt,
      STEP.quietRcpt,
    ),
    step(Buffer.concat([macros(COMMAND.data, ['i', '4XyZ123']), frame(COMMAND.data)]), STEP.noData, STEP.quietData),
    step(Buffer.concat(headers), STEP.noHeaders, STEP.quietHeader),
    step(frame(COMMAND.endOfHeader), STEP.noEndOfHeader, STEP.quietEndOfHeader),
    step(frame(COMMAND.body, Buffer.from(whole.slice(end + 4), 'latin1')), STEP.noBody, STEP.quietBody),
    step(Buffer.concat([macros(COMMAND.endOfMessage, ['i', '4XyZ123']), frame(COMMAND.endOfMessage)]), 0, 0),
  ]
}

function frame(code: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(data.length + 1, 0)
  head[4] = code
  return Buffer.concat([head, data])
}

function macros(command: number, pairs: readonly string[]): Buffer {
  return frame(COMMAND.macros, Buffer.concat([Buffer.from([command]), ...pairs.map(text)]))
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`, 'latin1')
}
