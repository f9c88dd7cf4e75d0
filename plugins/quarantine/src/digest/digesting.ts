/** The parts of a quarantine that tells recipients what it keeps. */
import path from 'node:path'
import { TokenKeys } from '@postroad/options'
import type { HttpRoute, Message, QuarantineDesk } from '@postroad/plugin'
import type { VaultEntry } from '../entry.ts'
import type { DigestOptions } from '../options.ts'
import { type DigestDeps, Digests } from './digests.ts'
import { isDigestMark } from './link.ts'
import { LINK_PATH, linkRoutes } from './routes.ts'
import { scheduleInWords } from './schedule.ts'

/** What is made of the option. */
export interface Digesting {
  readonly digests: Digests
  readonly keys: TokenKeys
  readonly remarks: { readonly notes: readonly string[]; readonly warnings: readonly string[] }
  routes(desk: QuarantineDesk): readonly HttpRoute[]
  /** Whether a message is a digest of ours that was quarantined itself. */
  isOwn(message: Message, entry: VaultEntry): Promise<boolean>
}

/** Makes them; nothing is read, written or sent yet. */
export function digesting(
  options: DigestOptions,
  given: Omit<DigestDeps, 'options' | 'keys'> & {
    /** There is a place where released messages go. */
    readonly canRelease: boolean
    resolve(file: string): string
    folder(): Promise<string>
  },
): Digesting {
  const { resolve, folder, vault, store, log } = given
  const file = options.keys
  const keys = new TokenKeys(async () =>
    file === undefined ? path.join(await folder(), 'digest.keys') : resolve(file),
  )
  const socket = options.submit?.path
  const submit = options.submit && { ...options.submit, ...(socket !== undefined && { path: resolve(socket) }) }
  const digests = new Digests({ ...given, keys, options: { ...options, submit } })
  return {
    digests,
    keys,
    remarks: {
      notes: [`digests go out ${scheduleInWords(options)}; their links lead to ${options.url}${LINK_PATH}/`],
      warnings: warningsOf(options, given.canRelease),
    },
    routes: (desk) => linkRoutes({ vault, desk, store, keys, timeZone: options.timeZone }),
    async isOwn(message, entry) {
      const mark = message.headers.get('x-postroad-digest')?.trim()
      const { messageId } = message
      const owner = digests.ownerOf(entry.recipients[0]?.address ?? '')
      if (mark === undefined || messageId === undefined || owner === undefined) return false
      const isOwn = isDigestMark(mark, { messageId, owner }, await keys.all())
      if (isOwn)
        log.warn(
          { id: entry.id, reason: entry.reason },
          'a digest was quarantined: say with `submit` a listener that judges nothing',
        )
      return isOwn
    },
  }
}

function warningsOf({ url, actions }: DigestOptions, canRelease: boolean): readonly string[] {
  return [
    ...(new URL(url).protocol === 'https:'
      ? []
      : [
          `digest.url is ${url}: whoever sees a link on its way can use it. Say https, with TLS on the listener or in a proxy before it`,
        ]),
    ...(actions.includes('release') && !canRelease
      ? ['digests offer to release, and the option "release" does not say where released messages go']
      : []),
  ]
}
