/** Messages on their way to clamd while they still arrive: by session, which has one at a time. */
import type { DataContext, MessageContext, ReceiveSink, Session } from '@postroad/plugin'
import type { Daemon } from '@postroad/upstream'
import { Instream } from './instream.ts'

/** Milliseconds for which clamd may not keep up, before the message is sent when it is complete instead. */
const STALL = 5_000

/** What uploads are made with. */
export interface UploadsOptions {
  /** Octets; what is larger is not sent. */
  readonly maxSize: number
  /** At the same time. */
  readonly most: number
  /** To whom the next one goes, if to anybody. */
  next(): Daemon | undefined
}

interface Upload {
  /** Of the envelope. */
  readonly id: string
  readonly stream: Instream
  isComplete: boolean
}

/** Brings the hooks `receive` and `message` together. An upload that fails is no failure: the message is sent again when it is complete. */
export class Uploads {
  readonly #options: UploadsOptions
  readonly #running = new Map<Session, Upload>()

  constructor(options: UploadsOptions) {
    this.#options = options
  }

  /** What listens to the message that is about to arrive; nothing when it is announced as too large, or enough are on their way. */
  listen({ session, envelope }: DataContext): ReceiveSink | undefined {
    const { most, maxSize } = this.#options
    this.drop(session)
    if (this.#running.size >= most || (envelope.parameters.size ?? 0) > maxSize) return undefined
    const daemon = this.#options.next()
    if (!daemon) return undefined
    const upload: Upload = { id: envelope.id, stream: new Instream(daemon), isComplete: false }
    this.#running.set(session, upload)
    let size = 0
    return {
      write: (chunk) => {
        size += chunk.length
        if (size > maxSize) return this.drop(session)
        return upload.stream.isOver ? undefined : unlessStalled(upload.stream, upload.stream.write(chunk))
      },
      end: () => {
        upload.isComplete = true
      },
      abort: () => this.drop(session),
    }
  }

  /** The upload of this message, all of which was sent; the caller finishes or abandons it. */
  take({ session, envelope }: MessageContext): Instream | undefined {
    const upload = this.#running.get(session)
    if (!upload?.isComplete || upload.id !== envelope.id) {
      this.drop(session)
      return undefined
    }
    this.#running.delete(session)
    return upload.stream
  }

  /** What the session has on its way is of no interest any more. */
  drop(session: Session): void {
    this.#running.get(session)?.stream.abandon()
    this.#running.delete(session)
  }

  close(): void {
    for (const session of this.#running.keys()) this.drop(session)
  }
}

/** Slows the client down, but not for ever. */
function unlessStalled(stream: Instream, room: Promise<void> | undefined): Promise<void> | undefined {
  if (room === undefined) return undefined
  const timer = setTimeout(() => stream.abandon(), STALL)
  return room.finally(() => clearTimeout(timer))
}
