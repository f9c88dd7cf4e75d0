/** Turns octets of a message into a lesson, or into a score: what all ways of teaching have in common. */
import { encodeFeatures, type Features, type Label, type ScanFacts, Scanner } from '@postroad/learn'
import type { Clock } from '@postroad/plugin'
import { contentKey } from './content-key.ts'
import type { Keeper } from './keeper.ts'
import { readFacts } from './known-facts.ts'
import { newId } from './lesson.ts'
import type { LessonOutcome } from './mind.ts'
import type { Secret } from './secret.ts'

/** What somebody says of a message. */
export interface Teaching {
  readonly label: Label
  /** Address; undefined: the operator. */
  readonly user?: string | undefined
  readonly source: string
}

/** What is needed to teach. */
export interface TeacherDeps {
  readonly keeper: Keeper
  readonly secret: Secret
  readonly clock: Pick<Clock, 'now'>
  /** Lower-case: names of servers of ours. */
  readonly hosts: readonly string[]
}

/** Teaches a keeper. One a process: its scanner has some megabytes. */
export class Teacher {
  readonly keeper: Keeper
  readonly secret: Secret
  readonly scanner: Scanner
  readonly #deps: TeacherDeps

  constructor(deps: TeacherDeps) {
    this.#deps = deps
    this.keeper = deps.keeper
    this.secret = deps.secret
    this.scanner = new Scanner({ key: deps.secret.seed, ownHosts: deps.hosts })
  }

  /** @param facts of a message that is arriving; of others our own field says them */
  scan(octets: Uint8Array, facts: ScanFacts | undefined = readFacts(octets, this.secret)): Features {
    return this.scanner.scan(octets, facts)
  }

  /**
   * Durable when it resolves, and learned.
   * @throws when it could not be written down
   */
  async teach(octets: Uint8Array, { label, user, source }: Teaching): Promise<LessonOutcome> {
    const { clock } = this.#deps
    const features = Uint8Array.from(encodeFeatures(this.scan(octets)))
    const outcome = await this.keeper.submit(
      {
        kind: 'lesson',
        id: newId(),
        at: clock.now(),
        label,
        key: this.keyOf(octets),
        ...this.who(user),
        source,
      },
      features,
    )
    return outcome === 'done' ? 'learned' : outcome
  }

  /** What a message is called where it is kept. */
  keyOf(octets: Uint8Array): string {
    return contentKey(octets, this.secret)
  }

  /** What an address is called where it is kept. */
  who(address: string | undefined): { readonly user: string | undefined; readonly domain: string | undefined } {
    if (address === undefined) return { user: undefined, domain: undefined }
    const at = address.lastIndexOf('@')
    return {
      user: this.secret.person(address),
      domain: at < 0 ? undefined : this.secret.person(address.slice(at)),
    }
  }
}

/** An outcome in words. */
export const OUTCOME_TEXT: Readonly<Record<LessonOutcome, string>> = {
  learned: 'learned',
  relabelled: 'learned, and what was learned of it before is taken back',
  known: 'known already, nothing has changed',
  own: 'learned for this user; for others once more people say so',
  'too many': 'not learned: too many of this user today',
  paused: 'not learned: canaries have stopped learning (postroad junk stats)',
  damaged: 'not learned: it cannot be read',
}
