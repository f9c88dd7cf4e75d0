/** `postroad junk learn`. */
import type { Label } from '@postroad/learn'
import { type CommandIo, errorOf } from '@postroad/plugin'
import { findMessages } from './mail-files.ts'
import type { LessonOutcome } from './mind.ts'
import type { School } from './school.ts'
import { OUTCOME_TEXT, type Teacher } from './teacher.ts'
import { FAILED, NO_INPUT, UsageMistake } from './usage.ts'

/** Messages that are under way at the same time: they share a sync. */
const AT_ONCE = 64
/** Milliseconds between two lines of progress. */
const QUIET = 3_000

/** Learns what is named; says how far it is, and what came of it. */
export async function learnCommand(
  args: readonly string[],
  io: CommandIo,
  { school }: { readonly school: School },
): Promise<number> {
  const { user, names } = argumentsOf(args)
  const teacher = await school.open()
  const round = new Round(teacher, io, user)
  try {
    for await (const { label, name, octets } of byTurns(names)) {
      if (io.signal.aborted) break
      await round.teach(label, name, octets)
    }
  } catch (error) {
    const { code, message } = errorOf(error) as NodeJS.ErrnoException // of node:fs
    if (code !== 'ENOENT' && code !== 'EACCES') throw error
    await round.end()
    io.print(`junk: ${message}`)
    return NO_INPUT
  }
  return (await round.end()) ? 0 : FAILED
}

interface LearnArguments {
  readonly user: string | undefined
  readonly names: Readonly<Record<Label, readonly string[]>>
}

/** `--spam a b --ham c`: names belong to the word before them; those in front of all words to the only one. */
function argumentsOf(args: readonly string[]): LearnArguments {
  const names: Record<Label, string[]> = { junk: [], wanted: [] }
  const first: string[] = []
  const said = new Set<Label>()
  let label: Label | undefined
  let user: string | undefined
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    if (word === '--spam' || word === '--ham') {
      label = word === '--spam' ? 'junk' : 'wanted'
      said.add(label)
    } else if (word === '--user') {
      user = args[++at]
      if (user === undefined) throw new UsageMistake('--user wants an address')
    } else if (word.startsWith('--user=')) user = word.slice('--user='.length)
    else if (word.startsWith('-') && word !== '-')
      throw new UsageMistake(`there is no option ${word}; there are --spam, --ham and --user`)
    else if (label) names[label].push(word)
    else first.push(word)
  }
  const [only] = said
  if (only === undefined) throw new UsageMistake('say what they are: --spam or --ham')
  if (first.length > 0 && said.size > 1)
    throw new UsageMistake(`is ${first[0]} spam or ham? Name files behind --spam and --ham`)
  names[only].unshift(...first)
  if (names.junk.length + names.wanted.length === 0)
    throw new UsageMistake('say which: files, folders, or - for the standard input')
  return { user, names }
}

/** One of each kind as long as there are both: scores of wanted mail say something only to who knows spam. */
async function* byTurns(names: LearnArguments['names']) {
  const sources = LABELS.map((label) => ({ label, found: findMessages(names[label]) }))
  while (sources.length > 0)
    for (const source of [...sources]) {
      const { value, done } = await source.found.next()
      if (done) sources.splice(sources.indexOf(source), 1)
      else yield { label: source.label, ...value }
    }
}

const LABELS: readonly Label[] = ['junk', 'wanted']

/** One run: counts outcomes, and says how far it is. */
class Round {
  readonly #teacher: Teacher
  readonly #io: CommandIo
  readonly #user: string | undefined
  readonly #counts = new Map<LessonOutcome, number>()
  readonly #running = new Set<Promise<void>>()
  #failed = 0
  #error: Error | undefined
  #saidAt = performance.now()

  constructor(teacher: Teacher, io: CommandIo, user: string | undefined) {
    this.#teacher = teacher
    this.#io = io
    this.#user = user
  }

  async teach(label: Label, name: string, octets: Buffer): Promise<void> {
    const running: Promise<void> = this.#teachOne(label, octets)
      .catch((error: unknown) => {
        this.#failed++
        this.#error ??= new Error(`${name}: ${errorOf(error).message}`)
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
    if (this.#running.size >= AT_ONCE) await Promise.race(this.#running)
    const now = performance.now()
    if (this.#io.json || now - this.#saidAt < QUIET) return
    this.#saidAt = now
    this.#io.print(`${this.#done} so far: ${this.#words()}`)
  }

  async #teachOne(label: Label, octets: Buffer): Promise<void> {
    const outcome = await this.#teacher.teach(octets, { label, user: this.#user, source: 'command' })
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1)
  }

  get #done(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0)
  }

  #words(): string {
    return [...this.#counts].map(([outcome, count]) => `${count} ${OUTCOME_TEXT[outcome]}`).join('; ')
  }

  /** Waits for all, and says what came of it. Resolves to whether all could be learned or were known. */
  async end(): Promise<boolean> {
    await Promise.all(this.#running)
    const { missing } = this.#teacher.keeper.mind.readiness()
    const count = (outcome: LessonOutcome): number => this.#counts.get(outcome) ?? 0
    const learned = count('learned') + count('relabelled') + count('own')
    const refused = count('too many') + count('paused') + count('damaged')
    if (this.#io.json)
      this.#io.row({ messages: this.#done, learned, known: count('known'), refused, failed: this.#failed })
    else {
      this.#io.print(this.#done === 0 ? 'there was no message' : `${this.#done} messages: ${this.#words()}`)
      this.#io.print(
        missing.length === 0 ? 'ready: junk is treated as the options say' : `it still needs: ${missing.join('; ')}`,
      )
    }
    if (this.#error) this.#io.print(`${this.#failed} could not be learned, the first: ${this.#error.message}`)
    return this.#failed === 0 && refused === 0
  }
}
