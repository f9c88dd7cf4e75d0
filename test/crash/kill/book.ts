/** The book of a world: what was sent, promised and delivered, who died when, and what follows of it. It starts nothing and knows no clock. */

/** A message, as its client knows it. */
export interface Letter {
  readonly key: string
  readonly recipients: readonly string[]
  /** From its Subject on, without the final dot. */
  readonly text: string
}

/** A letter as the next hop got it, for one recipient, answered 250. */
export interface Arrival {
  readonly key: string
  readonly recipient: string
  /** The process that brought it. */
  readonly pid: number
  /** Of the transaction that took it, from the Received field. */
  readonly transaction: string
  /** Milliseconds since the epoch: when the transaction with the next hop began, and when 250 was written. */
  readonly beganAt: number
  readonly answeredAt: number
  readonly isWhole: boolean
}

/** The end of a process. */
export interface Death {
  /** Milliseconds since the epoch: not dead before. */
  readonly at: number
  readonly how: 'killed' | 'ended'
}

/** A line of the server's log that says that a delivery was written down. */
export interface Record {
  readonly transaction: string
  readonly recipient: string
  readonly at: number
}

/** Why an arrival came again. */
export type Cause = 'killed' | 'unwritten'

/** A time in which things take longer, or cannot be written down. */
export interface Trouble {
  readonly from: number
  readonly to: number
  /** True: writing failed in it. False: somebody was frozen. */
  readonly isDisk: boolean
}

/** What was found. */
export interface Account {
  readonly sent: number
  readonly acknowledged: number
  readonly refused: number
  /** The client heard a refusal, and the letter came nevertheless. */
  readonly refusedAndArrived: readonly string[]
  readonly arrivals: number
  /** Acknowledged, and a recipient never got it. */
  readonly lost: readonly string[]
  /** Other octets. */
  readonly damaged: readonly string[]
  /** Came again, by cause. */
  readonly again: Readonly<globalThis.Record<Cause, number>>
  /** Milliseconds from 250 to the death that kept it from being written down; the longest. */
  readonly longestGap: number
  /** Came again, and nothing allows that. */
  readonly unexplained: readonly string[]
}

/** Milliseconds that a living process may take from the next hop's 250 until it has written that down, on a very busy machine. */
const WRITE_DOWN_MS = 5_000

/** All that was seen of the letters of one world. The methods are told what happened; `account` draws the conclusion. */
export class Book {
  readonly #letters = new Map<string, Letter>()
  readonly #acknowledged = new Set<string>()
  readonly #refused = new Map<string, string>()
  readonly #arrivals = new Map<string, Arrival[]>()
  readonly #deaths = new Map<number, Death>()
  readonly #records = new Map<string, number[]>()
  readonly #troubles: Trouble[] = []
  /** Letters that nobody is to get: a command deletes them. */
  readonly #exempt: (recipient: string) => boolean

  constructor(exempt: (recipient: string) => boolean = () => false) {
    this.#exempt = exempt
  }

  sent(letter: Letter): void {
    this.#letters.set(letter.key, letter)
  }

  acknowledged(key: string): void {
    this.#acknowledged.add(key)
  }

  refused(key: string, reply: string): void {
    this.#refused.set(key, reply)
  }

  letter(key: string): Letter | undefined {
    return this.#letters.get(key)
  }

  arrived(arrival: Arrival): void {
    const name = `${arrival.key} ${arrival.recipient}`
    const known = this.#arrivals.get(name)
    if (known) known.push(arrival)
    else this.#arrivals.set(name, [arrival])
  }

  /** The first word on a death counts: it is the one of who caused it. */
  died(pid: number, death: Death): void {
    if (!this.#deaths.has(pid)) this.#deaths.set(pid, death)
  }

  isKilled(pid: number): boolean {
    return this.#deaths.get(pid)?.how === 'killed'
  }

  recorded({ transaction, recipient, at }: Record): void {
    const name = `${transaction} ${recipient}`
    const known = this.#records.get(name)
    if (known) known.push(at)
    else this.#records.set(name, [at])
  }

  troubled(trouble: Trouble): void {
    this.#troubles.push(trouble)
  }

  get counts(): { readonly sent: number; readonly acknowledged: number; readonly arrivals: number } {
    let arrivals = 0
    for (const each of this.#arrivals.values()) arrivals += each.length
    return { sent: this.#letters.size, acknowledged: this.#acknowledged.size, arrivals }
  }

  /** Promised and not there yet. */
  missing(): string[] {
    return [...this.#acknowledged].flatMap((key) =>
      (this.#letters.get(key)?.recipients ?? []).flatMap((recipient) =>
        this.#exempt(recipient) || this.#arrivals.has(`${key} ${recipient}`) ? [] : [`${key} to ${recipient}`],
      ),
    )
  }

  account(): Account {
    const again = { killed: 0, unwritten: 0 }
    const [damaged, unexplained]: [string[], string[]] = [[], []]
    let longestGap = 0
    for (const [name, arrivals] of this.#arrivals) {
      for (const [at, arrival] of arrivals.entries()) {
        if (!arrival.isWhole) damaged.push(name)
        const before = arrivals[at - 1]
        if (!before) continue
        const why = this.#explain(before, arrival)
        if (typeof why === 'string') unexplained.push(`${name}: ${why}`)
        else {
          again[why.cause]++
          longestGap = Math.max(longestGap, why.gap)
        }
      }
    }
    const refusedAndArrived = [...this.#refused].flatMap(([key, reply]) =>
      this.#hasArrived(key) ? [`${key}: ${reply}`] : [],
    )
    const { sent, acknowledged } = this.counts
    return {
      sent,
      acknowledged,
      refused: this.#refused.size,
      refusedAndArrived,
      arrivals: this.counts.arrivals,
      lost: this.missing(),
      damaged,
      again,
      longestGap,
      unexplained,
    }
  }

  #hasArrived(key: string): boolean {
    return (this.#letters.get(key)?.recipients ?? []).some((recipient) => this.#arrivals.has(`${key} ${recipient}`))
  }

  /** A cause that is allowed, or what is wrong with it. */
  #explain(before: Arrival, again: Arrival): { cause: Cause; gap: number } | string {
    const [first] = this.#records.get(`${before.transaction} ${before.recipient}`) ?? []
    const by = `by ${before.pid}, 250 at ${time(before.answeredAt)}, and by ${again.pid} from ${time(again.beganAt)}`
    if (first !== undefined && first < again.beganAt) return `${by}, though it was written down at ${time(first)}`
    const disk = this.#troubles.some(
      ({ from, to, isDisk }) => isDisk && from <= before.answeredAt + WRITE_DOWN_MS && to >= before.answeredAt,
    )
    const death = this.#deaths.get(before.pid)
    if (before.pid === again.pid) return disk ? { cause: 'unwritten', gap: 0 } : `${by}, the same process`
    if (!death || death.at > again.beganAt)
      return disk ? { cause: 'unwritten', gap: 0 } : `${by}; the first was alive then`
    const gap = death.at - before.answeredAt
    if (gap <= WRITE_DOWN_MS + this.#delay(before.answeredAt, death.at)) return { cause: 'killed', gap }
    return disk ? { cause: 'unwritten', gap } : `${by}; the first had ${gap} ms to write it down before it died`
  }

  /** Milliseconds of trouble in a time. */
  #delay(from: number, to: number): number {
    return this.#troubles.reduce((sum, each) => sum + Math.max(0, Math.min(to, each.to) - Math.max(from, each.from)), 0)
  }
}

function time(at: number): string {
  return new Date(at).toISOString().slice(11, 23)
}
