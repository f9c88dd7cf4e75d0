/** How long something lives: a connection, a generation. Cheaper than an AbortController, which is made only for who asks. */
export class Lifetime {
  #reason: Error | undefined
  /** No `Set`: one that changes all the time keeps its old tables, and all that was watched, until a major collection. */
  readonly #watchers: ((reason: Error) => void)[] = []

  /** Why it ended; undefined while it lasts. */
  get ended(): Error | undefined {
    return this.#reason
  }

  /** Calls `watcher` when it ends. Forget it with {@link unwatch}. */
  watch(watcher: (reason: Error) => void): void {
    this.#watchers.push(watcher)
  }

  unwatch(watcher: (reason: Error) => void): void {
    // Who came last mostly goes first.
    const index = this.#watchers.lastIndexOf(watcher)
    if (index < 0) return
    const last = this.#watchers.pop()
    if (last !== undefined && last !== watcher) this.#watchers[index] = last
  }

  end(reason: Error): void {
    if (this.#reason) return
    this.#reason = reason
    for (const watcher of this.#watchers.splice(0)) watcher(reason)
  }
}
