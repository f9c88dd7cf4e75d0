/**
 * Things that come and go all the time, each of which knows its neighbours. In a `Set` they would stay longer than they are there: a set that
 * changes makes new tables, and V8 keeps the old ones, with all that was in them, until a major collection. With a connection for
 * each message that doubled the memory of a server.
 */

/** What can be in one {@link Chain} at a time. */
export interface Linked<T> {
  previous: T | undefined
  next: T | undefined
}

/** A list that is linked both ways. Nobody asks whether something is in it: what was taken out has no neighbours, and may be taken out again. */
export class Chain<T extends Linked<T>> {
  #first: T | undefined
  #last: T | undefined

  add(item: T): void {
    item.previous = this.#last
    if (this.#last) this.#last.next = item
    else this.#first = item
    this.#last = item
  }

  delete(item: T): void {
    const { previous, next } = item
    if (previous) previous.next = next
    else if (this.#first === item) this.#first = next
    if (next) next.previous = previous
    else if (this.#last === item) this.#last = previous
    item.previous = undefined
    item.next = undefined
  }

  /** In the order in which they came; the one that was just given may be taken out. */
  *[Symbol.iterator](): Iterator<T> {
    for (let item = this.#first; item; ) {
      const { next } = item
      yield item
      item = next
    }
  }
}
