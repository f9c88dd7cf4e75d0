/** Mail of this server's own plugins and program: a session without a socket, in a scope, by a client that is trusted with its name. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type Address, type MailParameters, parseForwardPath, parseReversePath } from '@postroad/mail'
import {
  type ComposedMail,
  type OutgoingMail,
  type Queue,
  type Reply,
  SendError,
  type SendMailOptions,
  type SentMail,
} from '@postroad/plugin'
import type { JudgingStages, Wire, WireReply } from '@postroad/smtp'

/** How mail gets into a scope. */
export interface OwnMailDeps {
  readonly hostname: string
  /** The engine behind a scope, as for a connection; undefined: there is no such scope. */
  attach(scope: string, wire: Wire): JudgingStages | undefined
}

/** Where it is sent from when nothing else is said. */
export interface SendingPlace {
  readonly scope: string
  readonly identity: string
}

/** A message whose sending made a plugin send one, and so on: that is a loop, RFC 3834 §2. */
const DEEPEST = 3
const depth = new AsyncLocalStorage<number>()

const LF = 10
const CR = 13

/** Sends from this place of a generation. */
export class OwnMail implements Queue {
  readonly #deps: OwnMailDeps
  readonly #origin: SendingPlace

  constructor(deps: OwnMailDeps, origin: SendingPlace) {
    this.#deps = deps
    this.#origin = origin
  }

  /** The same, with another name in front of rules about clients. */
  by(identity: string): OwnMail {
    return new OwnMail(this.#deps, { ...this.#origin, identity })
  }

  send(mail: OutgoingMail | ComposedMail, options: SendMailOptions = {}): Promise<SentMail> {
    const at = depth.getStore() ?? 0
    if (at >= DEEPEST)
      return Promise.reject(
        new SendError({ code: 554, status: '5.4.6', text: 'Sending this made plugins send mail again and again' }),
      )
    return depth.run(at + 1, () => this.#send(asOutgoing(mail), options))
  }

  async #send(
    mail: OutgoingMail,
    { signal, scope = this.#origin.scope, ...options }: SendMailOptions,
  ): Promise<SentMail> {
    signal?.throwIfAborted()
    const from = reversePath(mail.from)
    const to = mail.to.map(forwardPath)
    if (to.length === 0) throw new TypeError('send: nobody is to get it')
    let end: WireReply | undefined
    const here = { address: '', port: 0 }
    const wire: Wire = {
      listener: 'own',
      protocol: 'smtp',
      remote: here,
      local: { ...here },
      tls: undefined,
      stress: false,
      disconnect: (reply) => {
        end ??= reply
      },
    }
    const stages = this.#deps.attach(scope, wire)
    if (!stages) throw new TypeError(`send: there is no scope ${JSON.stringify(scope)}`)
    const stop = (): void => stages.close('error')
    signal?.addEventListener('abort', stop, { once: true })
    try {
      stages.authenticated(options.identity ?? this.#origin.identity)
      return await new Sending(stages, () => end, signal).run({ ...mail, from, to }, this.#deps.hostname)
    } finally {
      signal?.removeEventListener('abort', stop)
      if (!signal?.aborted) stages.close('quit')
    }
  }
}

type Ready = Omit<OutgoingMail, 'from' | 'to'> & { readonly from: Address | undefined; readonly to: readonly Address[] }

/** One session: a refusal on its way ends it. */
class Sending {
  readonly #stages: JudgingStages
  readonly #ended: () => WireReply | undefined
  readonly #signal: AbortSignal | undefined

  constructor(stages: JudgingStages, ended: () => WireReply | undefined, signal: AbortSignal | undefined) {
    this.#stages = stages
    this.#ended = ended
    this.#signal = signal
  }

  async run({ from, to, message, parameters, recipientParameters = {} }: Ready, hostname: string): Promise<SentMail> {
    const stages = this.#stages
    this.#passed(await stages.connect())
    this.#passed(await stages.helo(hostname, 'EHLO'))
    this.#passed(await stages.mail(from, this.#parametersOf([from, ...to], parameters)))
    const refused: { readonly recipient: Address; readonly reply: Reply }[] = []
    const taken: Address[] = []
    for (const recipient of to) {
      const reply = await stages.rcpt(recipient, recipientParameters)
      this.#passed(undefined)
      if (reply.code < 300) taken.push(recipient)
      else refused.push({ recipient, reply: shown(reply) })
    }
    if (taken.length === 0) throw new SendError(decisive(refused), refused)
    this.#passed(await stages.data(), refused)
    await this.#write(message)
    const replies = await stages.message()
    const all = 'code' in replies ? taken.map(() => replies) : replies
    for (const [at, reply] of all.entries()) {
      const recipient = taken[at]
      if (recipient && reply.code >= 300) refused.push({ recipient, reply: shown(reply) })
    }
    const accepted = all.find(({ code }) => code < 300)
    if (!accepted) throw new SendError(decisive(refused), refused)
    const reply = shown(accepted)
    return { id: /queued as (\S+)/.exec(reply.text)?.[1] ?? '', reply, refused }
  }

  /** With what the octets may need, where who takes them can carry it. */
  #parametersOf(addresses: readonly (Address | undefined)[], own: MailParameters = {}): MailParameters {
    const { eightBitMime, smtputf8 } = this.#stages.offer()
    const isInternational = addresses.some((address) => address?.isInternational)
    return {
      ...(eightBitMime && { body: '8BITMIME' as const }),
      ...(smtputf8 && isInternational && { smtputf8: true }),
      ...own,
      prdr: true,
    }
  }

  #passed(reply: WireReply | undefined, refused: SentMail['refused'] = []): void {
    this.#signal?.throwIfAborted()
    const end = reply && reply.code >= 400 ? reply : this.#ended()
    if (end) throw new SendError(shown(end), refused)
  }

  /** Lines end with CRLF on every way, RFC 5321 §2.3.8; of a stream that fails the session ends, and nothing is left. */
  async #write(message: OutgoingMail['message']): Promise<void> {
    const content = this.#stages.content()
    let [before, last] = [-1, -1]
    const write = async (chunk: Uint8Array): Promise<void> => {
      const octets = withCrlf(chunk, last)
      if (octets.length === 0) return
      before = octets.at(-2) ?? last
      last = octets.at(-1) ?? last
      await content.write(octets)
    }
    if (typeof message === 'string') await write(Buffer.from(message))
    else if (message instanceof Uint8Array) await write(message)
    else
      for await (const chunk of message) {
        this.#signal?.throwIfAborted()
        await write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
      }
    if (before !== CR || last !== LF) await content.write(Buffer.from(last === CR ? '\n' : '\r\n'))
    this.#signal?.throwIfAborted()
  }
}

/** The same octets when every LF has its CR. @param last the octet before them */
function withCrlf(chunk: Uint8Array, last: number): Uint8Array {
  let bare = 0
  for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1))
    if ((at === 0 ? last : chunk[at - 1]) !== CR) bare++
  if (bare === 0) return chunk
  const octets = Buffer.allocUnsafe(chunk.length + bare)
  let [from, to] = [0, 0]
  for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) {
    if ((at === 0 ? last : chunk[at - 1]) === CR) continue
    octets.set(chunk.subarray(from, at), to)
    to += at - from
    octets[to++] = CR
    from = at
  }
  octets.set(chunk.subarray(from), to)
  return octets
}

function asOutgoing(mail: OutgoingMail | ComposedMail): OutgoingMail {
  if (!('getEnvelope' in mail)) return mail
  const { from, to } = mail.getEnvelope()
  return { from: from === false || from === '' ? null : from, to, message: mail.createReadStream() }
}

function reversePath(from: Address | string | null): Address | undefined {
  if (from === null) return undefined
  if (typeof from !== 'string') return from
  const path = parseReversePath(`<${from}>`, { smtputf8: true })
  if (!path?.address)
    throw new TypeError(`send: ${JSON.stringify(from)} is not an address; null is the null reverse-path`)
  return path.address
}

function forwardPath(to: Address | string): Address {
  if (typeof to !== 'string') return to
  const path = parseForwardPath(`<${to}>`, { smtputf8: true })
  if (!path) throw new TypeError(`send: ${JSON.stringify(to)} is not an address`)
  return path.address
}

/** The one that says most: a temporary one, because then it is worth to try again. */
function decisive(refused: SentMail['refused']): Reply {
  const reply = (refused.find((one) => one.reply.code < 500) ?? refused[0])?.reply
  return reply ?? { code: 451, status: '4.3.0', text: 'Nobody has answered' }
}

function shown({ code, status, text }: WireReply): Reply {
  return { code, status, text: typeof text === 'string' ? text : text.join('\n') }
}
