/** What is removed, and what happens where nothing can be. */
import { z } from 'zod'

const pattern = z.string().regex(/^[^/\x00-\x1f]+$/, 'not a pattern of file names: "*.exe"')
const type = z
  .string()
  .regex(/^[!#$&^_.+A-Za-z0-9-]+\/(?:\*|[!#$&^_.+A-Za-z0-9-]+)$/, 'not a type: "application/x-msdownload", "video/*"')

export const stripOptions = z
  .strictObject({
    /** File names, `*` for any characters and `?` for one; letters in any case. */
    names: z.array(pattern).default([]),
    /** Types as they are declared: `application/x-msdownload`, `video/*`. */
    types: z.array(type).default([]),
    /**
     * What happens to a message with something to remove where it cannot be: under a signature that would break, or where readers of
     * mail disagree about what is a part. `leave` delivers it as it is.
     */
    untouchable: z.enum(['reject', 'quarantine', 'leave']).default('reject'),
    /** Messages within messages that are looked into; one that is deeper is removed as a whole. */
    depth: z.int().min(0).max(50).default(10),
    /** What stands above name, size and hash in the place of an attachment. */
    text: z.string().trim().min(1).max(2000).default('An attachment was removed from this message.'),
  })
  .refine(({ names, types }) => names.length + types.length > 0, 'names or types of what is to be removed')

export type StripOptions = z.output<typeof stripOptions>

/** Whether a part is one of those. */
export interface Wanted {
  has(names: readonly string[], types: readonly string[]): boolean
}

export function wantedBy({ names, types }: StripOptions): Wanted {
  const byName = names.map(tokensOf)
  const exact = new Set(types.map((one) => one.toLowerCase()))
  return {
    has: (someNames, someTypes) =>
      someNames.some((name) => byName.some((tokens) => fits(tokens, name.trim().toLowerCase()))) ||
      someTypes.some((one) => exact.has(one) || exact.has(`${one.split('/')[0]}/*`)),
  }
}

function tokensOf(glob: string): readonly string[] {
  return [...glob.toLowerCase().replace(/\*+/g, '*')]
}

/** In time proportional to both lengths' product: the names are strangers'. */
function fits(tokens: readonly string[], name: string): boolean {
  const chars = [...name]
  let token = 0
  let star = -1
  let retry = 0
  for (let at = 0; at < chars.length; ) {
    if (tokens[token] === '*') {
      star = token++
      retry = at
    } else if (token < tokens.length && (tokens[token] === '?' || tokens[token] === chars[at])) {
      token++
      at++
    } else if (star >= 0) {
      token = star + 1
      at = ++retry
    } else return false
  }
  while (tokens[token] === '*') token++
  return token === tokens.length
}
