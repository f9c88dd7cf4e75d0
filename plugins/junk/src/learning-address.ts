/** Addresses that learn what is sent to them, and drop it. */

import { readAll } from '@postroad/mail'
import { networks } from '@postroad/options'
import {
  type Address,
  discard,
  type HookContext,
  type Message,
  type MessageOpinion,
  type Reject,
  reject,
} from '@postroad/plugin'
import type { JunkOptions } from './options.ts'
import type { Teacher } from './teacher.ts'

/** What an address is for. */
export type LearningAddress = NonNullable<JunkOptions['addresses']>

/** Attached messages of one mail that are learned. */
const MOST_ATTACHED = 100
/** Octets of a message that are read to learn it. */
const MOST_OCTETS = 26_214_400

/** Tells learning addresses, who may send to them, and what becomes of mail to them. */
export class LearningAddresses {
  readonly #options: LearningAddress
  readonly #isNear: (address: string) => boolean

  constructor(options: LearningAddress) {
    this.#options = options
    this.#isNear = networks(options.from)
  }

  /** What mail to this address teaches; undefined: it is another's. Detail behind `+` is the user: `spam+alice=example.com@junk.local`. */
  labelOf(address: Address): 'spam' | 'ham' | undefined {
    const { base } = partsOf(address)
    return base === this.#options.spam ? 'spam' : base === this.#options.ham ? 'ham' : undefined
  }

  /** Why a client may not teach; undefined: it may. */
  refusal({ session }: Pick<HookContext, 'session'>): Reject | undefined {
    const { address } = session.remote
    const isAllowed = session.identity !== undefined || address === '' || this.#isNear(address)
    return isAllowed ? undefined : reject('Only own users may teach this filter', { status: '5.7.1' })
  }

  /** Learns a message for those of its recipients that are learning addresses, and drops it for them. */
  async learn(
    {
      session,
      envelope,
      message,
    }: Pick<HookContext, 'session'> & {
      readonly envelope: { readonly recipients: readonly { readonly address: Address }[] }
      readonly message: Message
    },
    open: () => Promise<Teacher>,
  ): Promise<readonly MessageOpinion[]> {
    const opinions: MessageOpinion[] = []
    for (const { address } of envelope.recipients) {
      const as = this.labelOf(address)
      if (as === undefined) continue
      const user = teacherOf(session, partsOf(address).detail)
      const label = as === 'spam' ? 'junk' : 'wanted'
      const outcomes: string[] = []
      for (const octets of await messagesIn(message))
        outcomes.push(await (await open()).teach(octets, { label, user, source: 'address' }))
      opinions.push(discard(`junk: ${as}: ${[...new Set(outcomes)].join(', ')}`, { for: [address] }))
    }
    return opinions
  }
}

/** Who is logged in teaches for nobody else; who is near may say for whom, and is one user by itself when it does not. */
function teacherOf({ identity, remote }: HookContext['session'], detail: string | undefined): string {
  return identity?.name ?? detail ?? `client ${remote.address}`
}

function partsOf({ local, domain }: Address): { readonly base: string; readonly detail: string | undefined } {
  const plus = local.indexOf('+')
  const base = `${plus < 0 ? local : local.slice(0, plus)}@${domain}`.toLowerCase()
  const detail = plus < 0 ? undefined : local.slice(plus + 1)
  return { base, detail: detail?.replace(/=(?=[^=]*$)/, '@').toLowerCase() }
}

/** Messages that are attached, as people forward them to be learned; else the message itself. */
async function messagesIn(message: Message): Promise<readonly Uint8Array[]> {
  const { attachments } = await message.mime()
  const attached = attachments
    .filter(({ contentType, size }) => contentType === 'message/rfc822' && size > 0 && size <= MOST_OCTETS)
    .slice(0, MOST_ATTACHED)
  return attached.length > 0 ? attached.map(({ content }) => content) : [await readAll(message)]
}
