/** Whom a link is about: the token stands for it, and nobody else can read it. */
import type { TokenKeys } from '@postroad/options'

/** One recipient of one sender. */
export interface Subscription {
  /** Reverse-path. */
  readonly from: string
  readonly recipient: string
  /** Id of the transaction that the mail came with. */
  readonly transaction: string
}

const PURPOSE = 'unsubscribe'
const TOKEN = /[A-Za-z0-9]{1,16}\.[A-Za-z0-9_-]{22,}/g
/** Tokens in one text that are tried. */
const TRIED = 5

/** The token. */
export function tokenOf({ from, recipient, transaction }: Subscription, keys: TokenKeys): Promise<string> {
  return keys.seal([from, recipient, transaction], PURPOSE)
}

/** Undefined: it was not made here. */
export async function subscriptionOf(token: string, keys: TokenKeys): Promise<Subscription | undefined> {
  const [from, recipient, transaction] = (await keys.open(token, PURPOSE)) ?? []
  return from === undefined || recipient === undefined || transaction === undefined
    ? undefined
    : { from, recipient, transaction }
}

/** The token that stands somewhere in a text, a subject for one; mail programs put words before it. */
export async function subscriptionIn(text: string, keys: TokenKeys): Promise<Subscription | undefined> {
  // A long word may be folded, and comes with a blank in it then.
  for (const candidate of [text, text.replaceAll(/\s+/g, '')])
    for (const [token] of [...candidate.slice(0, 4_000).matchAll(TOKEN)].slice(0, TRIED)) {
      const found = await subscriptionOf(token, keys)
      if (found) return found
    }
  return undefined
}
