/** A session as the engine sees it: the client of the mail server, by what the server says of it. */
import { parseIp, UNKNOWN } from '@postroad/listener'
import type { Endpoint, Identity, TlsInfo } from '@postroad/mail'
import type { Wire, WireReply } from '@postroad/smtp'
import type { Connect } from '../command.ts'
import type { MacroBoard } from './macro-board.ts'

/** What a session is made of. */
export interface AskedOf {
  readonly listener: string
  readonly stress: () => boolean
  readonly board: MacroBoard
  readonly client: Connect
  readonly disconnect: (reply: WireReply) => void
}

const ON_SOCKET: Endpoint = Object.freeze({ address: '', port: 0 })

/** The wire of a session, in words of milter. */
export class AskingWire implements Wire {
  readonly protocol = 'milter'
  readonly listener: string
  readonly remote: Endpoint
  readonly #asking: AskedOf
  /** Read from macros, and good for one edition of them. */
  #edition = -1
  #local: Endpoint = UNKNOWN
  #tls: TlsInfo | undefined
  #identity: Identity | undefined

  constructor(asking: AskedOf) {
    this.#asking = asking
    this.listener = asking.listener
    this.remote = endpointOf(asking.client)
  }

  get stress(): boolean {
    return this.#asking.stress()
  }

  get local(): Endpoint {
    this.#read()
    return this.#local
  }

  get tls(): TlsInfo | undefined {
    this.#read()
    return this.#tls
  }

  get identity(): Identity | undefined {
    this.#read()
    return this.#identity
  }

  get queueId(): string | undefined {
    return this.#asking.board.get('i')
  }

  disconnect(reply: WireReply): void {
    this.#asking.disconnect(reply)
  }

  #read(): void {
    const { board } = this.#asking
    if (this.#edition === board.edition) return
    this.#edition = board.edition
    const version = board.get('tls_version')
    const account = board.get('auth_authen')
    this.#local = localOf(board)
    // Of a certificate of the client servers say what stands in it, and not all of them whether it was verified: nobody is let in for it.
    this.#tls = version === undefined ? undefined : { version, cipher: board.get('cipher') ?? '' }
    this.#identity = account === undefined ? undefined : { name: account }
  }
}

function localOf(board: MacroBoard): Endpoint {
  const address = plain(board.get('daemon_addr') ?? '')
  return address === undefined ? UNKNOWN : { address, port: Number(board.get('daemon_port') ?? 0) || 0 }
}

/** The client. */
function endpointOf({ family, address, port }: Connect): Endpoint {
  if (family === 'unix') return ON_SOCKET
  const ip = plain(address)
  return ip === undefined ? UNKNOWN : { address: ip, port }
}

/** Sendmail writes `IPv6:2001:db8::1`, Postfix `2001:db8::1`. */
function plain(address: string): string | undefined {
  return parseIp(address.replace(/^IPv6:/i, ''))
}

/** Mail that did not come by SMTP: Postfix makes a session up for it, from this address and without a port (`non_smtpd_milters`). */
export function isOfServer({ address, port }: Endpoint): boolean {
  return port === 0 && (address === '127.0.0.1' || address === '::1')
}
