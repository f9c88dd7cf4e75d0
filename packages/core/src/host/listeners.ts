/** The sockets of a server: opened all or none, told anew by a reload, closed. */
import {
  type Certificate,
  type CertificateFiles,
  HandshakeError,
  type Listener,
  type SocketKeeper,
  watchCertificates,
} from '@postroad/listener'
import { createListener, type SmtpListener } from '@postroad/smtp'
import { PostroadError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import type { CompiledScope, Generation } from './generation.ts'
import type { Listening } from './listening.ts'

/** A listener that a generation wants, and the scope behind it. */
interface Wanted {
  readonly scope: CompiledScope
  readonly one: Listening
  readonly generation: Generation
}

interface Open {
  readonly listener: SmtpListener
  readonly one: Listening
}

/** The listeners of one server. */
export class Listeners {
  readonly #log: Log
  #open: readonly Open[] = []
  readonly #watches = new Map<Listener, { close(): void }>()
  /** Taken out by a reload, their last sessions still running. */
  readonly #leaving: Listener[] = []

  readonly #keeper: SocketKeeper | undefined

  /** @param keeper who sees to UNIX sockets, where this process may not */
  constructor(log: Log, keeper: SocketKeeper | undefined) {
    this.#log = log
    this.#keeper = keeper
  }

  get all(): readonly Listener[] {
    return this.#open.map(({ listener }) => listener)
  }

  /**
   * Listens where the generation says: what is open at the same place stays open and serves the new one from now on, what is not wanted stops.
   *
   * @throws {PostroadError} `ERR_BIND`, `ERR_LISTEN` when that cannot be; nothing has changed then
   */
  async turnTo(generation: Generation): Promise<void> {
    const wanted = generation.scopes.flatMap((scope) =>
      scope.listening.map((one): Wanted => ({ scope, one, generation })),
    )
    const before = new Map(this.#open.map((open) => [keyOf(open.one), open]))
    const kept = new Map<Wanted, Open>()
    for (const each of wanted) {
      const open = before.get(keyOf(each.one))
      if (!open) continue
      checkTls(open.one, each.one)
      kept.set(each, open)
    }
    for (const [{ one }, open] of kept) await repermit(open, one)
    const fresh = await this.#openAll(wanted.filter((each) => !kept.has(each)))
    for (const [{ scope, one }, { listener }] of kept) {
      const onError = (error: unknown): void => this.#report(one.options.name, error)
      listener.update({ onError, ...one.options }, (wire) => generation.attach(scope, wire))
    }
    const staying = new Set<Listener>([...kept.values()].map(({ listener }) => listener))
    const gone = this.all.filter((listener) => !staying.has(listener))
    this.#open = wanted.map((each) => ({
      one: each.one,
      listener: kept.get(each)?.listener ?? (fresh.get(each) as SmtpListener),
    })) // it is one or the other
    for (const { listener, one } of this.#open) this.#watch(listener, one.files)
    for (const listener of gone) {
      this.#watch(listener, [])
      this.#leaving.push(listener)
      await listener.stop()
    }
  }

  /** Stops, and waits for the sessions no longer than the grace. */
  async close(grace: number): Promise<void> {
    for (const watch of this.#watches.values()) watch.close()
    await Promise.all([...this.all, ...this.#leaving].map((listener) => listener.close(grace)))
    this.#open = []
  }

  async #openAll(wanted: readonly Wanted[]): Promise<ReadonlyMap<Wanted, SmtpListener>> {
    const opened = new Map<Wanted, SmtpListener>()
    try {
      for (const each of wanted) opened.set(each, await this.#openOne(each))
    } catch (error) {
      await Promise.all([...opened.values()].map((listener) => listener.close(0)))
      throw error
    }
    return opened
  }

  async #openOne({ scope, one: { options, place }, generation }: Wanted): Promise<SmtpListener> {
    let isOpen = false
    const onError = (error: unknown): void => {
      // Why it does not open is thrown.
      if (isOpen) this.#report(options.name, error)
    }
    const listener = createListener({ onError, ...options }, (wire) => generation.attach(scope, wire), this.#keeper)
    try {
      await listener.listen()
    } catch (cause) {
      await listener.close(0).catch(() => undefined) // most often it was never opened; why is what is thrown
      throw new PostroadError('ERR_BIND', `${options.name} could not listen on ${place}: ${why(cause)}`, { cause })
    }
    isOpen = true
    return listener
  }

  #report(listener: string, error: unknown): void {
    if (error instanceof HandshakeError)
      this.#log.info({ listener, remote: error.remote, reason: error.message }, 'TLS handshake failed')
    else this.#log.error({ listener, error }, 'the wire reports an error')
  }

  /** Certificates that change on disk are taken over, for new connections. */
  #watch(listener: Listener, files: readonly CertificateFiles[]): void {
    this.#watches.get(listener)?.close()
    this.#watches.delete(listener)
    if (files.length === 0) return
    const onChange = (certificates: readonly Certificate[]): void => {
      listener.setCertificate(certificates)
      this.#log.info({ listener: listener.name }, 'certificates were read again')
    }
    const onError = (error: unknown): void =>
      this.#log.error({ listener: listener.name, error }, 'certificates cannot be read again; the old ones stay')
    this.#watches.set(listener, watchCertificates(files, { onChange, onError }))
  }
}

/** Which of the open sockets serves it: the one at its place; a port that the system chose is known by the listener's name. */
function keyOf({ place, options }: Listening): string {
  return options.port === 0 ? `${place} ${options.name}` : place
}

/** The socket stays, and belongs to whom the new configuration says. @throws {PostroadError} `ERR_BIND` when it cannot be given */
async function repermit({ listener, one: { options: before } }: Open, { options, place }: Listening): Promise<void> {
  if (before.mode === options.mode && before.group === options.group) return
  try {
    await listener.permit(options)
  } catch (cause) {
    throw new PostroadError('ERR_BIND', `${options.name}: ${place} cannot be given to whom it should: ${why(cause)}`, {
      cause,
    })
  }
}

/** @throws {PostroadError} `ERR_LISTEN` when one of the two has TLS from the first octet and the other has not */
function checkTls({ options: before }: Listening, { place, options }: Listening): void {
  if ((before.tls === 'implicit') !== (options.tls === 'implicit'))
    throw new PostroadError(
      'ERR_LISTEN',
      `${options.name}: tls at ${place} cannot become or cease to be "implicit" by a reload: restart`,
    )
}

const HINTS: ReadonlyMap<string, string> = new Map([
  [
    'EACCES',
    'ports below 1024 are for root, who gives them to others with `postroad start --user NAME`, or for a process with CAP_NET_BIND_SERVICE; a UNIX socket needs a folder that can be written to',
  ],
  ['EPERM', 'only root may give a UNIX socket to a group that it is no member of: start as root, with --user NAME'],
  ['EADDRINUSE', 'another process listens there; `ss -ltnp` shows which'],
  ['EADDRNOTAVAIL', 'this machine does not have that address'],
  ['ENOENT', 'the folder of the socket does not exist'],
])

function why(cause: unknown): string {
  const hint = cause instanceof Error && 'code' in cause ? HINTS.get(String(cause.code)) : undefined
  return `${cause instanceof Error ? cause.message : cause}${hint === undefined ? '' : ` (${hint})`}`
}
