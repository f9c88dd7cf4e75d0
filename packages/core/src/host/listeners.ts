/** The sockets of a server: opened all or none, told anew by a reload, closed. */
import {
  type Certificate,
  HandshakeError,
  type Listener,
  type SocketKeeper,
  selfSignedFile,
  watchCertificates,
} from '@postroad/listener'
import { PostroadError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { answerCertificates } from './certificate-request.ts'
import type { CompiledScope, Generation } from './generation.ts'
import type { Behind, Listening } from './listener-kind.ts'

/** A listener that a generation wants, and the scope behind it. */
interface Wanted {
  readonly scope: CompiledScope
  readonly one: Listening
  readonly generation: Generation
}

interface Open {
  readonly listener: Listener
  readonly one: Listening
}

/** Milliseconds between looks at the end of a certificate of our own making; what is made anew is read as any file that has changed. */
const RENEWAL_MS = 43_200_000

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
      checkSame(open.one, each.one)
      kept.set(each, open)
    }
    for (const [{ one }, open] of kept) await repermit(open, one)
    const fresh = await this.#openAll(wanted.filter((each) => !kept.has(each)))
    for (const [each, { listener }] of kept)
      each.one.update(
        listener,
        this.#behind(each, (error) => this.#report(each.one.name, error)),
      )
    const staying = new Set<Listener>([...kept.values()].map(({ listener }) => listener))
    const gone = this.all.filter((listener) => !staying.has(listener))
    this.#open = wanted.map((each) => ({
      one: each.one,
      listener: kept.get(each)?.listener ?? (fresh.get(each) as Listener),
    })) // it is one or the other
    for (const { listener, one } of this.#open) this.#watch(listener, one)
    for (const listener of gone) {
      this.#unwatch(listener)
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

  async #openAll(wanted: readonly Wanted[]): Promise<ReadonlyMap<Wanted, Listener>> {
    const opened = new Map<Wanted, Listener>()
    try {
      for (const each of wanted) opened.set(each, await this.#openOne(each))
    } catch (error) {
      await Promise.all([...opened.values()].map((listener) => listener.close(0)))
      throw error
    }
    return opened
  }

  async #openOne(wanted: Wanted): Promise<Listener> {
    const { name, place } = wanted.one
    let isOpen = false
    const behind = this.#behind(wanted, (error) => {
      // Why it does not open is thrown.
      if (isOpen) this.#report(name, error)
    })
    const listener = wanted.one.open(behind, this.#keeper)
    try {
      await listener.listen()
    } catch (cause) {
      await listener.close(0).catch(() => undefined) // most often it was never opened; why is what is thrown
      throw new PostroadError('ERR_BIND', `${name} could not listen on ${place}: ${why(cause)}`, { cause })
    }
    isOpen = true
    return listener
  }

  #behind({ generation, scope }: Wanted, onError: (error: unknown) => void): Behind {
    return { ...generation.behind(scope), onError }
  }

  #report(listener: string, error: unknown): void {
    if (error instanceof HandshakeError)
      this.#log.info({ listener, remote: error.remote, reason: error.message }, 'TLS handshake failed')
    else this.#log.error({ listener, error }, 'the wire reports an error')
  }

  /** Certificates that change on disk are taken over, for new connections, and so is what a kind reads besides. */
  #watch(listener: Listener, one: Listening): void {
    this.#unwatch(listener)
    const changed = (text: string): void => this.#log.info({ listener: listener.name }, text)
    const failed = (error: unknown, text: string): void => this.#log.error({ listener: listener.name, error }, text)
    const certificates =
      one.files.length > 0 &&
      watchCertificates(one.files, {
        onChange(fresh: readonly Certificate[]) {
          listener.setCertificate(fresh)
          changed('certificates were read again')
        },
        onError: (error) => failed(error, 'certificates cannot be read again; the old ones stay'),
      })
    const { renews } = one
    const renew = (): Promise<unknown> | undefined =>
      renews &&
      selfSignedFile(renews).catch((error: unknown) => failed(error, 'the certificate could not be made anew'))
    const renewal = renews && setInterval(() => void renew(), RENEWAL_MS).unref()
    const others = one.watch?.(listener, { changed, failed })
    const answers = one.files.length > 0 ? answerCertificates(listener.name, one.files) : undefined
    this.#watches.set(listener, {
      close() {
        if (certificates) certificates.close()
        clearInterval(renewal)
        answers?.stop()
        others?.close()
      },
    })
  }

  #unwatch(listener: Listener): void {
    this.#watches.get(listener)?.close()
    this.#watches.delete(listener)
  }
}

/** Which of the open sockets serves it: the one at its place; a port that the system chose is known by the listener's name. */
function keyOf({ place, name, socket }: Listening): string {
  return socket.port === 0 ? `${place} ${name}` : place
}

/** The socket stays, and belongs to whom the new configuration says. @throws {PostroadError} `ERR_BIND` when it cannot be given */
async function repermit(
  { listener, one: { socket: before } }: Open,
  { socket, name, place }: Listening,
): Promise<void> {
  if (before.mode === socket.mode && before.group === socket.group) return
  try {
    await listener.permit(socket)
  } catch (cause) {
    throw new PostroadError('ERR_BIND', `${name}: ${place} cannot be given to whom it should: ${why(cause)}`, { cause })
  }
}

/** @throws {PostroadError} `ERR_LISTEN` when the open socket cannot serve it: it is of another kind, or only one of the two has TLS from the first octet */
function checkSame(before: Listening, { name, place, protocol, kind, isSecure }: Listening): void {
  if (before.kind !== kind)
    throw new PostroadError(
      'ERR_LISTEN',
      `${name}: ${place} speaks ${before.protocol}, and cannot become ${protocol} by a reload: restart, or give it another place`,
    )
  if (before.isSecure !== isSecure)
    throw new PostroadError(
      'ERR_LISTEN',
      `${name}: tls at ${place} cannot become or cease to be "implicit" by a reload: restart`,
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
