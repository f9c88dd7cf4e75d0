/** A stubborn client: offers each message until somebody says 250 to it, and remembers who did. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What to send. */
export interface Sending {
  /** Where a node may listen; asked before each connection. */
  targets(): readonly { readonly host: string; readonly port: number }[]
  readonly messages: number
  readonly domains: number
  readonly sessions: number
  readonly octets: number
  readonly signal: AbortSignal
}

/** What came of it. */
export interface Sent {
  /** Numbers of messages that were answered 250. */
  readonly acknowledged: Set<string>
  /** Messages whose final dot got no answer: they may have been taken, and were sent again. */
  readonly unanswered: Set<string>
  /** Replies of 4yz and 5yz, by their text. */
  readonly refusals: Map<string, number>
  /** Connections that could not be made, or that ended before the final dot. */
  broken: number
}

/** Sends all of it. */
export async function sendAll(sending: Sending): Promise<Sent> {
  const sent: Sent = { acknowledged: new Set(), unanswered: new Set(), refusals: new Map(), broken: 0 }
  let next = 0
  const take = (): number | undefined => (next < sending.messages && !sending.signal.aborted ? next++ : undefined)
  await Promise.all(Array.from({ length: sending.sessions }, (_, at) => session(sending, { sent, take, at })))
  return sent
}

async function session(
  sending: Sending,
  { sent, take, at }: { sent: Sent; take(): number | undefined; at: number },
): Promise<void> {
  let line: Line | undefined
  let turn = at
  for (let number = take(); number !== undefined; number = take()) {
    const name = `m${number}`
    while (!sent.acknowledged.has(name) && !sending.signal.aborted) {
      let dotted = false
      try {
        line ??= await Line.open(sending.targets(), turn++)
        const reply = await offer(line, {
          name,
          // Every third goes to the same domain: limits are to be met.
          domain: number % 3 === 0 ? 'd0.test' : `d${number % sending.domains}.test`,
          octets: sending.octets,
          onDot: () => (dotted = true),
        })
        if (reply.startsWith('250')) sent.acknowledged.add(name)
        else {
          sent.refusals.set(reply, (sent.refusals.get(reply) ?? 0) + 1)
          await sleep(100)
        }
      } catch {
        line?.end()
        line = undefined
        if (dotted) sent.unanswered.add(name)
        else sent.broken++
        await sleep(20)
      }
    }
  }
  line?.end()
}

async function offer(
  line: Line,
  message: { name: string; domain: string; octets: number; onDot(): void },
): Promise<string> {
  for (const command of [`MAIL FROM:<sender@client.test>`, `RCPT TO:<user@${message.domain}>`, 'DATA']) {
    const reply = await line.say(command)
    if (reply.startsWith('2') || reply.startsWith('354')) continue
    await line.say('RSET')
    return reply
  }
  const head = `X-Number: ${message.name}\r\nSubject: proof\r\n\r\n`
  message.onDot()
  return line.say(
    `${head}${'0123456789abcdef 0123456789abcdef 0123456789abcdef\r\n'.repeat(Math.ceil(message.octets / 52))}.`,
  )
}

/** A line out, a reply in. */
class Line {
  readonly #socket: Socket
  #text = ''
  #wake = (): void => {}

  private constructor(socket: Socket) {
    this.#socket = socket
      .setEncoding('latin1')
      .setNoDelay(true)
      .setTimeout(45_000, () => socket.destroy())
    socket.on('data', (text: string) => {
      this.#text += text
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => this.#wake())
  }

  static async open(targets: ReturnType<Sending['targets']>, turn: number): Promise<Line> {
    const target = targets[turn % targets.length]
    if (!target) throw new Error('no node')
    const line = new Line(connect(target.port, target.host))
    await line.#reply()
    await line.say('EHLO client.test')
    return line
  }

  say(text: string): Promise<string> {
    this.#socket.write(`${text}\r\n`)
    return this.#reply()
  }

  end(): void {
    this.#socket.destroy()
  }

  async #reply(): Promise<string> {
    for (;;) {
      const found = /^(?:\d{3}-.*\r\n)*(\d{3}(?: .*)?)\r\n/.exec(this.#text)
      if (found) {
        this.#text = this.#text.slice(found[0].length)
        return found[1] ?? ''
      }
      if (this.#socket.destroyed) throw new Error('connection lost')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
