/** How long something lives: a connection, a generation. Cheaper than an AbortController, which is made only for who asks. */
export class Lifetime {
  #reason: Error | undefined
  #watchers: Set<(reason: Error) => void> | undefined

  /** Why it ended; undefined while it lasts. */
  get ended(): Error | undefined {
    return this.#reason
  }

  /** Calls `watcher` when it ends. Forget it with {@link unwatch}. */
  watch(watcher: (reason: Error) => void): void {
    this.#watchers ??= new Set()
    this.#watchers.add(watcher)
  }

  unwatch(watcher: (reason: Error) => void): void {
    this.#watchers?.delete(watcher)
  }

  end(reason: Error): void {
    if (this.#reason) return
    this.#reason = reason
    const watchers = this.#watchers
    this.#watchers = undefined
    if (watchers) for (const watcher of watchers) watcher(reason)
  }
}
