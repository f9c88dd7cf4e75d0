/** What the mail server has told beside its commands, and for how long it holds. */
import type { MilterFrame } from '../frame.ts'
import { Macros } from '../macros.ts'
import { COMMAND } from '../word.ts'

/** Later ones first: what was told last holds. */
const ORDER: readonly number[] = [
  COMMAND.endOfMessage,
  COMMAND.endOfHeader,
  COMMAND.data,
  COMMAND.rcpt,
  COMMAND.mail,
  COMMAND.helo,
  COMMAND.connect,
]
const OF_MESSAGE = ORDER.slice(0, 5)
/** Octets of macros that are kept of one command. */
const MOST = 65_536

/** The macros of one session, by the command that each frame was for. */
export class MacroBoard {
  readonly #frames = new Map<number, Macros>()
  /** Changes when something else holds. */
  edition = 0

  /** Takes a frame. Those for fields and pieces of the body say nothing that is not said elsewhere, and come before each of them. */
  take({ data }: MilterFrame): void {
    const [command = 0] = data
    if (!ORDER.includes(command) || data.length > MOST) return
    this.#frames.set(command, new Macros(data.subarray(1)))
    this.edition++
  }

  /** Undefined when it is absent, or empty: of both it says nothing. */
  get(name: string): string | undefined {
    for (const command of ORDER) {
      const value = this.#frames.get(command)?.get(name)
      if (value !== undefined && value !== '') return value
    }
    return undefined
  }

  /**
   * The message is over. What was said of it is not believed of the next, a login above all; and because macros come before their command, it is
   * forgotten now, and not when the next one begins.
   */
  forgetMessage(): void {
    for (const command of OF_MESSAGE) this.#frames.delete(command)
    this.edition++
  }

  /** The session is over. */
  forget(): void {
    this.#frames.clear()
    this.edition++
  }
}
