/** Shows a message to a milter while it arrives: the scan overlaps with the upload, and who uploads waits when the milter does not keep up. */
import type { ReceiveSink } from '@postroad/plugin'
import type { MilterConversation, ShownEnvelope } from './conversation.ts'

/** Octets that wait for the milter, from which on the client waits as well. */
const HIGH = 131_072

/** What arrives of one message, on its way to one milter. */
export class Stream implements ReceiveSink {
  readonly #conversation: MilterConversation
  readonly #shown: ShownEnvelope
  readonly #limit: number
  #pieces: Uint8Array[] = []
  #held = 0
  #size = 0
  #isStopped = false
  #pump: Promise<void> | undefined

  /** @param limit octets; a message that has more is not shown */
  constructor(conversation: MilterConversation, shown: ShownEnvelope, limit: number) {
    this.#conversation = conversation
    this.#shown = shown
    this.#limit = limit
    this.#pump = this.#drain()
  }

  write(chunk: Uint8Array): void | Promise<void> {
    this.#size += chunk.length
    if (this.#size > this.#limit) this.#isStopped = true
    if (this.#isStopped) return
    this.#pieces.push(chunk)
    this.#held += chunk.length
    this.#pump ??= this.#drain()
    return this.#held >= HIGH ? this.#pump : undefined
  }

  abort(): void {
    this.#isStopped = true
    void this.#conversation.run(undefined, async () => this.#conversation.forget()).catch(ignore)
  }

  /** When the milter has heard all that arrived; whether it has. What failed is known to the conversation. */
  async done(): Promise<boolean> {
    while (this.#pump) await this.#pump
    return !this.#isStopped
  }

  async #drain(): Promise<void> {
    const conversation = this.#conversation
    try {
      await conversation.run(undefined, async () => {
        if (this.#isStopped) return
        const decision = await conversation.data(this.#shown)
        if (decision.kind !== 'continue' || !conversation.hasRecipients) this.#isStopped = true
        while (this.#pieces.length > 0 && !this.#isStopped) {
          const pieces = this.#pieces
          this.#pieces = []
          this.#held = 0
          for (const piece of pieces) await conversation.content(this.#shown, piece, true)
        }
      })
    } catch {
      // The conversation keeps why, and says it when the message is judged.
      this.#isStopped = true
    } finally {
      if (this.#isStopped) this.#pieces = []
      this.#pump = undefined
    }
  }
}

function ignore(): void {}
