/** What signals ask of `postroad start`. One that nobody listens to ends the process, so there are handlers from its beginning. */
import type { Reporter } from './report.ts'

/** Milliseconds in which a process that was told to stop while it starts has to be ready to: an open that hangs is not waited for. */
const EARLY_LIMIT = 10_000

/** What is done about them. */
export interface SignalAnswers {
  stop(signal: NodeJS.Signals): void
  hangup(): void
}

/** Remembers what comes before there is an answer: who is stopped while it opens the queue looks as if it had died of it. */
export class StopSignals {
  readonly #report: Reporter
  #answers: SignalAnswers | undefined
  #stopped: NodeJS.Signals | undefined
  #isHungUp = false

  /** @param ignoresInterrupt Ctrl-C goes to every process of a terminal; what it means for a worker the supervisor says, with SIGTERM. */
  constructor(report: Reporter, ignoresInterrupt: boolean) {
    this.#report = report
    const stop = (signal: NodeJS.Signals): void => this.#stop(signal)
    process.on('SIGHUP', () => this.#hangup())
    process.on('SIGTERM', stop).on('SIGINT', ignoresInterrupt ? () => undefined : stop)
  }

  /** From now on there is an answer, also to what came before. */
  answer(answers: SignalAnswers): void {
    this.#answers = answers
    if (this.#stopped !== undefined) answers.stop(this.#stopped)
    else if (this.#isHungUp) answers.hangup()
  }

  #hangup(): void {
    if (this.#answers) this.#answers.hangup()
    else this.#isHungUp = true
  }

  #stop(signal: NodeJS.Signals): void {
    if (this.#answers) this.#answers.stop(signal)
    else if (this.#stopped !== undefined) this.#end(`Stopped at once by a second ${signal}.`)
    else {
      this.#stopped = signal
      setTimeout(() => this.#answers || this.#end(`Stopped by ${signal}, before it was ready.`), EARLY_LIMIT).unref()
    }
  }

  #end(why: string): void {
    this.#report('warn', why)
    process.exit(1)
  }
}
