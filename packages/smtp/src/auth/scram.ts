/**
 * SCRAM-SHA-256, RFC 5802 and RFC 7677: both sides show that they know the password, and neither sends it nor keeps it. With PLUS they show it
 * for this TLS connection only, RFC 9266: somebody between them who has a certificate of his own gains nothing.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { AuthAttempt } from '@postroad/mail'
import { reply } from '../wire/reply.ts'
import type { AuthExchange, AuthStep, ExchangeContext } from './exchange.ts'
import { isName, MALFORMED, textOf } from './text.ts'
import { decodeName } from './token.ts'

type ScramAttempt = Extract<AuthAttempt, { mechanism: 'SCRAM-SHA-256' }>
type Keys = Parameters<ScramAttempt['verify']>[0]

/** RFC 5802 §7, client-first-message: GS2 header, name, nonce; extensions are passed over. */
const FIRST = /^(([ny]|p=tls-exporter),(?:a=([^,]+))?,)(n=([^,]+),r=([!-+\--~]+)(?:,.*)?)$/
/** client-final-message: the GS2 header again, both nonces, the proof. */
const FINAL = /^(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)),p=([A-Za-z0-9+/=]+)$/

/** server-first-message, of somebody else: both nonces, salt, iterations. It is a line, and no longer than what the client may say. */
const SERVER_FIRST = /^r=[!-+\--~]+,s=[A-Za-z0-9+/=]+,i=[0-9]{1,9}(?:,[ -~]*)?$/
const SERVER_FINAL = /^v=([A-Za-z0-9+/=]+)(?:,[ -~]*)?$/
const LONGEST = 4_096

/** RFC 5802 §6: a client that can bind, and was told that we cannot, has talked to somebody between us. */
const DOWNGRADED: AuthStep = { refusal: reply(535, '5.7.8', 'Authentication credentials invalid') }

/** Of this process: names that do not exist get a salt that is always the same for them, RFC 5802 §9. */
const SECRET = randomBytes(32)
const ITERATIONS = 4096
const NO_BINDING = Buffer.alloc(0)

/** The exchange of one attempt; the keys come from whoever judges it. */
export class Scram implements AuthExchange {
  readonly #context: ExchangeContext
  readonly #isPlus: boolean
  #first:
    | {
        readonly header: string
        readonly bare: string
        readonly nonce: string
        readonly username: string
        readonly whole: string
      }
    | undefined
  #signature: string | undefined
  #isAsked = false

  constructor(context: ExchangeContext, isPlus = false) {
    this.#context = context
    this.#isPlus = isPlus
  }

  next(response: Buffer | undefined): AuthStep {
    if (response === undefined) return { challenge: '' }
    const whole = textOf(response) ?? ''
    const match = FIRST.exec(whole)
    const [, header = '', flag = '', authorize = '', bare = '', name = '', nonce = ''] = match ?? []
    const username = decodeName(name)
    if (flag.length > 1 !== this.#isPlus) return MALFORMED
    if (flag === 'y' && this.#context.channelBinding !== undefined) return DOWNGRADED
    if (!isName(username) || (authorize !== '' && !isName(decodeName(authorize)))) return MALFORMED
    this.#first = { header, bare, nonce, username, whole }
    const attempt: ScramAttempt = {
      mechanism: 'SCRAM-SHA-256',
      username,
      authorize: decodeName(authorize) || undefined,
      verify: (keys) => this.#verify(keys),
      relay: (ask) => this.#relay(ask),
    }
    return { attempt }
  }

  /** RFC 5802 §5, server-final-message: we know the password too. */
  success(): string | undefined {
    return this.#signature === undefined ? undefined : `v=${this.#signature}`
  }

  /** Nobody asked for a proof, so the name is unknown: the client is asked all the same, and cannot tell. */
  failure(): Promise<unknown> {
    if (this.#isAsked) return Promise.resolve()
    const salt = createHmac('sha256', SECRET)
      .update(this.#first?.username ?? '')
      .digest()
      .subarray(0, 16)
    return this.#verify({ salt, iterations: ITERATIONS, storedKey: randomBytes(32), serverKey: randomBytes(32) })
  }

  async #relay(ask: Parameters<NonNullable<ScramAttempt['relay']>>[0]): Promise<boolean> {
    if (this.#first === undefined || this.#isAsked || this.#isPlus) return false
    const challenge = await ask(this.#first.whole)
    // Nobody was asked for a proof: `failure` does it.
    if (challenge === undefined) return false
    if (challenge.length > LONGEST || !SERVER_FIRST.test(challenge)) throw new Error('no server-first-message of SCRAM')
    this.#isAsked = true
    const response = await this.#context.ask(challenge)
    const proof = response && textOf(response)
    if (proof === undefined || !FINAL.test(proof)) return false
    const final = await ask(proof)
    if (final === undefined) return false
    const [, signature] = SERVER_FINAL.exec(final) ?? []
    if (signature === undefined || final.length > LONGEST) throw new Error('no server-final-message of SCRAM')
    this.#signature = signature
    return true
  }

  async #verify({ salt, iterations, storedKey, serverKey }: Keys): Promise<boolean> {
    if (this.#first === undefined || this.#isAsked) return false
    this.#isAsked = true
    const { header, bare, nonce } = this.#first
    const both = nonce + randomBytes(18).toString('base64')
    const serverFirst = `r=${both},s=${Buffer.from(salt).toString('base64')},i=${iterations}`
    const response = await this.#context.ask(serverFirst)
    const match = FINAL.exec((response && textOf(response)) ?? '')
    const [, withoutProof = '', binding = '', echoed = '', proof = ''] = match ?? []
    const channel = this.#isPlus ? this.#context.channelBinding : NO_BINDING
    if (match === null || echoed !== both || channel === undefined) return false
    if (!Buffer.from(binding, 'base64').equals(Buffer.concat([Buffer.from(header), channel]))) return false
    const message = `${bare},${serverFirst},${withoutProof}`
    const clientSignature = createHmac('sha256', storedKey).update(message).digest()
    const clientProof = Buffer.from(proof, 'base64')
    if (clientProof.length !== clientSignature.length) return false
    const clientKey = clientSignature.map((octet, i) => octet ^ (clientProof[i] ?? 0))
    const stored = createHash('sha256').update(clientKey).digest()
    if (storedKey.length !== stored.length || !timingSafeEqual(stored, storedKey)) return false
    this.#signature = createHmac('sha256', serverKey).update(message).digest('base64')
    return true
  }
}
