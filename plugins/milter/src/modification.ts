/** What a milter makes of a message at its end: its edits, each applied to what those before have left. */
import { withFields } from '@postroad/message'
import { MilterError } from '@postroad/milter-protocol'
import { FieldEdits, type FilterDecision, type FilterEdit } from '@postroad/milter-protocol/client'
import type { AddedRecipient, Address, Envelope, Message } from '@postroad/plugin'
import { addedOf, recipientOf, senderOf } from './envelope.ts'

/** A message as a milter is shown it. */
export interface SeenMessage {
  readonly message: Message
  /** Fields above the trace field of the server, put there by milters. */
  readonly top: number
  /** The trace field is in the message: this server has added it. It is not shown. */
  readonly hasOwn: boolean
}

/** What a milter did. */
export interface Modified {
  readonly decision: FilterDecision
  readonly seen: SeenMessage
  /** Why the message is to be held. */
  readonly quarantine: string | undefined
  readonly from: Address | null | undefined
  readonly add: readonly AddedRecipient[]
  readonly remove: readonly Address[]
  /** A phrase an edit, for the log. */
  readonly edits: readonly string[]
}

type Field = Message['headers'] extends Iterable<infer F> ? F : never
type Edits = AsyncGenerator<FilterEdit, FilterDecision, undefined>

/** Edits of one message; so many nobody makes. */
const MOST_EDITS = 10_000
/** Octets that a new body may have beyond twice those of the message. */
const BODY_ALLOWANCE = 16_777_216
/** Phrases for the log. */
const MOST_PHRASES = 50

/** The octets that a milter is shown: all but the server's own trace field. */
export async function* shownOctets({ message, top, hasOwn }: SeenMessage): AsyncGenerator<Uint8Array> {
  const fields = [...message.headers]
  const shown = hasOwn ? fields.toSpliced(top, 1) : fields
  const head = Buffer.concat(shown.map(({ raw }) => raw))
  yield head
  yield Buffer.from(head.length === 0 || head.at(-1) === 0x0a ? '\r\n' : '\r\n\r\n')
  yield* message.body()
}

/**
 * Hears all that the milter changes, and what it decides.
 *
 * @throws {MilterError} when something cannot be done as it says: then nothing is done
 */
export async function modify(
  seen: SeenMessage,
  edits: Edits,
  { envelope, hasLeadingSpace }: { readonly envelope: Envelope; readonly hasLeadingSpace: boolean },
): Promise<Modified> {
  const modification = new Modification(seen, envelope, hasLeadingSpace)
  let step = await edits.next()
  for (let count = 0; !step.done; count++) {
    if (count > MOST_EDITS) throw new MilterError(`it changes more than ${MOST_EDITS} things`)
    if (step.value.kind === 'replaceBody') {
      step = await modification.replaceBody(step.value.data, edits)
      continue
    }
    modification.apply(step.value)
    step = await edits.next()
  }
  return modification.result(step.value)
}

class Modification {
  readonly #seen: SeenMessage
  readonly #envelope: Envelope
  readonly #fields: FieldEdits<Field>
  /** The line that is no field, and all below: the milter was shown it as body. */
  readonly #tail: readonly Field[]
  readonly #phrases: string[] = []
  #isHeaderChanged = false
  #replaced: Message | undefined
  #quarantine: string | undefined
  #from: Address | null | undefined
  #add: readonly AddedRecipient[] = []
  #remove: readonly Address[] = []

  constructor(seen: SeenMessage, envelope: Envelope, hasLeadingSpace: boolean) {
    this.#seen = seen
    this.#envelope = envelope
    const fields = [...seen.message.headers]
    const top = fields.slice(0, seen.top)
    const [own] = seen.hasOwn ? fields.slice(seen.top) : []
    const below = fields.slice(seen.top + (own ? 1 : 0))
    const end = below.findIndex(({ name, raw }, place) => name === '' && !(place === 0 && isMailboxLine(raw)))
    this.#tail = end < 0 ? [] : below.slice(end)
    this.#fields = new FieldEdits({ own, top, rest: end < 0 ? below : below.slice(0, end) }, hasLeadingSpace)
  }

  apply(edit: Exclude<FilterEdit, { kind: 'replaceBody' }>): void {
    switch (edit.kind) {
      case 'addHeader':
        this.#isHeaderChanged = true
        this.#note(this.#fields.add(edit.name, edit.value))
        break
      case 'insertHeader':
        this.#isHeaderChanged = true
        this.#note(this.#fields.insert(edit.index, edit.name, edit.value))
        break
      case 'changeHeader':
        this.#isHeaderChanged = true
        this.#note(this.#fields.change(edit.index, edit.name, edit.value))
        break
      case 'addRcpt':
        this.#add = [...this.#add, addedOf(edit.path, edit.parameters)]
        this.#note(`add ${edit.path}`)
        break
      case 'deleteRcpt': {
        const gone = recipientOf(edit.path)
        this.#add = this.#add.filter(({ address }) => String(address) !== String(gone))
        this.#remove = [...this.#remove, gone]
        this.#note(`remove ${edit.path}`)
        break
      }
      case 'changeFrom':
        this.#from = senderOf(edit.path, edit.parameters, this.#envelope)
        this.#note(`from ${edit.path}`)
        break
      case 'quarantine':
        this.#quarantine = edit.reason
        break
    }
  }

  /** Takes the whole run of pieces as it comes, so that nothing of it waits in memory; what comes after it. */
  async replaceBody(first: Uint8Array, edits: Edits): Promise<IteratorResult<FilterEdit, FilterDecision>> {
    // Postfix takes one run and locks further ones out: the message would have a part of what was meant.
    if (this.#replaced) throw new MilterError('its new body comes in more than one run')
    const most = BODY_ALLOWANCE + 2 * this.#seen.message.size
    let after: IteratorResult<FilterEdit, FilterDecision> | undefined
    async function* run(): AsyncGenerator<Uint8Array> {
      let total = first.length
      yield first
      for (after = await edits.next(); !after.done && after.value.kind === 'replaceBody'; after = await edits.next()) {
        total += after.value.data.length
        if (total > most) throw new MilterError(`its new body has more than ${most} octets`)
        yield after.value.data
      }
    }
    this.#replaced = await this.#seen.message.withBody(run())
    this.#note('body')
    return after ?? (await edits.next())
  }

  result(decision: FilterDecision): Modified {
    const { message } = this.#seen
    const phrases = this.#phrases
    const edits =
      phrases.length > MOST_PHRASES
        ? [...phrases.slice(0, MOST_PHRASES), `${phrases.length - MOST_PHRASES} more`]
        : phrases
    return {
      decision,
      seen: this.#isHeaderChanged || this.#replaced ? this.#edited(message) : this.#seen,
      quarantine: this.#quarantine,
      from: this.#from,
      add: this.#add,
      remove: this.#remove,
      edits,
    }
  }

  #edited(message: Message): SeenMessage {
    const { top, rest } = this.#fields.result()
    // What was shown as body, and has another body in its place, is gone.
    const below = this.#replaced ? rest : [...rest, ...this.#tail]
    const edited = withFields(this.#replaced ?? message, [...top, ...below], top.length)
    return { ...this.#seen, message: edited, top: top.length }
  }

  #note(phrase: string): void {
    this.#phrases.push(phrase)
  }
}

function isMailboxLine(raw: Uint8Array): boolean {
  return /^>?From /.test(Buffer.from(raw).toString('latin1', 0, 6))
}
