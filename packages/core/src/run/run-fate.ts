/** What has become of a run, and the signal that says so. It is made when somebody asks for the signal, or when a run that took its time ends. */
export class RunFate {
  #controller: AbortController | undefined
  over: Error | undefined
  #aborted: Error | undefined

  end(reason: Error): void {
    this.over = reason
    this.#controller?.abort(reason)
  }

  abort(reason: Error): void {
    this.#aborted = reason
    this.#controller?.abort(reason)
  }

  signal(ended: Error | undefined): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      const reason = this.over ?? this.#aborted ?? ended
      if (reason) this.#controller.abort(reason)
    }
    return this.#controller.signal
  }
}
