import type { Fact } from '@postroad/plugin'

/** What plugins found out, by name; made only when somebody writes. */
export class FactStore {
  #values: Map<string, unknown> | undefined

  has(fact: Fact<unknown>): boolean {
    return this.#values?.has(fact.name) ?? false
  }

  find<T>(fact: Fact<T>): T | undefined {
    // `as`: facts are typed by their key, and only `set` writes.
    return this.#values?.get(fact.name) as T | undefined
  }

  set<T>(fact: Fact<T>, value: T): void {
    this.#values ??= new Map()
    if (this.#values.has(fact.name))
      throw new Error(`Fact "${fact.name}" is set already: a fact is written once per ${fact.scope}`)
    this.#values.set(fact.name, value)
  }

  delete(name: string): void {
    this.#values?.delete(name)
  }

  /** For the log; undefined when there are none. */
  toJSON(): Record<string, unknown> | undefined {
    return this.#values && Object.fromEntries(this.#values)
  }
}
