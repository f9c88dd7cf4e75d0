/** Turns the events of node:test into one line of progress, every failure in full, and counts. */
import { relative } from 'node:path'
import type { TestsStream } from 'node:test'
import { stripVTControlCharacters } from 'node:util'

/** What a phase or a whole run came to. */
export interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** One test and how long it took. */
export interface Timing {
  readonly name: string
  readonly ms: number
}

/** The outcome of the files of one phase. */
export interface Report {
  readonly counts: Counts
  readonly timings: readonly Timing[]
  /** Skipped tests with their reasons. */
  readonly skips: readonly string[]
}

/** The part of the events of node:test that is read here; `details.type` is `suite` for `describe`. */
interface TestEvent {
  readonly name: string
  readonly nesting: number
  readonly file?: string
  readonly line?: number
  readonly skip?: string | boolean
  readonly todo?: string | boolean
  readonly details: {
    readonly duration_ms: number
    readonly type?: string | undefined
    readonly error?: Error & { readonly failureType?: string; readonly cause?: unknown }
  }
}

/** Where reports are written; standard output, but for tests. */
export interface Output {
  readonly isTTY?: boolean
  write(text: string): unknown
}

const OUTPUT_KEPT = 8_000

/**
 * Reads streams of node:test, several at the same time. Tests are counted, suites are not; a parent that failed only because a subtest did is
 * not counted twice; a file without a single test is a failure, because nothing was verified.
 */
export class Reporter {
  readonly report = { counts: { passed: 0, failed: 0, skipped: 0 }, timings: [] as Timing[], skips: [] as string[] }
  readonly #said = new Map<string, string>()
  readonly #root: string
  readonly #output: Output

  readonly #name: string

  /** `root`: paths are shown from there. `name`: whose progress it is, where several report at the same time. */
  constructor(root: string, output: Output, name = '') {
    this.#root = root
    this.#output = output
    this.#name = name && `${name}: `
  }

  /** Reads one stream to its end. */
  async read(stream: TestsStream): Promise<void> {
    stream.on('test:pass', (event: TestEvent) => this.#pass(event))
    stream.on('test:fail', (event: TestEvent) => this.#fail(event))
    // What went wrong outside of a test is told here only.
    stream.on(
      'test:diagnostic',
      ({ file, message }) => /^(?:Error|Warning): /.test(message) && this.#keep(file, `${message}\n`),
    )
    stream.on('test:stdout', ({ file, message }) => this.#keep(file, message))
    stream.on('test:stderr', ({ file, message }) => this.#keep(file, message))
    stream.resume()
    await new Promise<void>((resolve, reject) => stream.once('end', resolve).once('error', reject))
  }

  #pass(event: TestEvent): void {
    if (event.details.type === 'suite') return
    if (this.#isFile(event)) {
      this.#emptyFile(event)
      return
    }
    const { counts } = this.report
    if (event.skip !== undefined || event.todo !== undefined) {
      counts.skipped++
      if (typeof event.skip === 'string') this.report.skips.push(`${event.name}: ${event.skip}`)
    } else counts.passed++
    this.report.timings.push({ name: this.#title(event), ms: event.details.duration_ms })
    this.#progress()
  }

  #fail(event: TestEvent): void {
    const { error, type } = event.details
    // A failing subtest has been counted by itself; its parents only repeat it.
    if (error?.failureType === 'subtestsFailed') return
    if (type === 'suite' && error?.failureType === undefined) return
    if (event.todo !== undefined) {
      this.report.counts.skipped++
      return
    }
    this.report.counts.failed++
    this.report.timings.push({ name: this.#title(event), ms: event.details.duration_ms })
    this.clear()
    this.#write(`  ✖ ${this.#title(event)}\n${indent(explain(error))}\n`)
    const said = this.#said.get(event.file ?? '')
    if (said !== undefined) this.#write(`    — said by the file —\n${indent(said)}\n`)
    this.#said.delete(event.file ?? '')
    this.#progress()
  }

  #keep(file: string | undefined, message: string): void {
    if (file !== undefined) this.#said.set(file, ((this.#said.get(file) ?? '') + message).slice(-OUTPUT_KEPT))
  }

  /** Says where it stands, where nobody can see the line of progress. */
  heartbeat(): void {
    const { passed, failed } = this.report.counts
    if (!this.#output.isTTY) this.#write(`  … ${this.#name}${passed} passed, ${failed} failed so far\n`)
  }

  /** Takes the line of progress away. */
  clear(): void {
    if (this.#output.isTTY) this.#write('\r\x1b[K')
  }

  #emptyFile(event: TestEvent): void {
    this.report.counts.failed++
    this.clear()
    this.#write(`  ✖ ${this.#place(event)}: the file has no test\n`)
  }

  // node:test speaks of a file as a test only when the file itself failed, or when nothing ran in it.
  #isFile(event: TestEvent): boolean {
    return (
      event.nesting === 0 &&
      event.file !== undefined &&
      (event.name === event.file || event.name === relative(this.#root, event.file))
    )
  }

  #title(event: TestEvent): string {
    return this.#isFile(event) ? this.#place(event) : `${event.name} (${this.#place(event)})`
  }

  #place(event: TestEvent): string {
    const file = event.file === undefined ? event.name : relative(this.#root, event.file)
    return event.line === undefined || event.line === 1 ? file : `${file}:${event.line}`
  }

  #progress(): void {
    const { passed, failed } = this.report.counts
    if (this.#output.isTTY) this.#write(`\r\x1b[K  ${this.#name}${passed} passed, ${failed} failed`)
  }

  #write(text: string): void {
    this.#output.write(this.#output.isTTY ? text : stripVTControlCharacters(text))
  }
}

function explain(error: TestEvent['details']['error']): string {
  if (error?.failureType === 'testAborted') return 'stopped: it ran for too long'
  const cause = error?.cause ?? error
  if (!(cause instanceof Error)) return String(cause ?? 'failed without an error')
  const below =
    cause.cause === undefined
      ? ''
      : `\ncaused by ${cause.cause instanceof Error ? (cause.cause.stack ?? cause.cause.message) : String(cause.cause)}`
  return (cause.stack ?? cause.message).replace(/\n\s+at (?:node:|async .*node:|.*\(node:).*/g, '') + below
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, '    ')
}
