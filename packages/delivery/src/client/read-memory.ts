/**
 * Memory into which large messages are read to be sent. New memory for each read costs more than the read: every page of it is a fault, and what
 * is let go is only free after a collection. So it is used again, as long as large messages are on their way.
 */

const SIZE = 512 * 1024
/** Pieces that wait for another use. */
const MOST_IDLE = 16

const idle: Uint8Array[] = []
let users = 0

/** The memory of one message that is read and sent piece by piece. */
export class ReadMemory {
  #piece: Uint8Array | undefined
  readonly #isSent: () => boolean

  /** @param isSent nothing of what was lent is still to be read */
  constructor(isSent: () => boolean) {
    this.#isSent = isSent
    users++
  }

  /** The memory for the next piece, the same as before where that has been sent. */
  readonly lend = (): Uint8Array => {
    if (this.#piece === undefined || !this.#isSent()) this.#piece = idle.pop() ?? Buffer.allocUnsafeSlow(SIZE)
    return this.#piece
  }

  /** Nothing more is read. What has not been sent is left to the socket, and to the collector. */
  release(): void {
    users--
    if (this.#piece !== undefined && this.#isSent() && idle.length < MOST_IDLE) idle.push(this.#piece)
    this.#piece = undefined
    if (users === 0) idle.length = 0
  }
}
