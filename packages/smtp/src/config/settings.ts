/** The options of a listener with the defaults: what all of its connections go by. */
import { ListenerError } from '@postroad/listener'
import type { MinimumGroup } from '@postroad/mail'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import { type ListenerOptions, listenerMistakes, type StressOptions } from './listener-options.ts'
import { type NetworkList, networkList } from './network.ts'

/** {@link ListenerOptions} with nothing left open; shared by all connections. */
export interface Settings {
  readonly name: string
  readonly hostname: string
  readonly protocol: 'smtp' | 'lmtp'
  readonly tls: 'none' | 'optional' | 'required' | 'implicit'
  readonly minimumGroup: MinimumGroup | undefined
  readonly auth: 'none' | 'optional' | 'required'
  readonly authWithoutTls: boolean
  readonly limits: Limits
  readonly normalise: boolean
  readonly refusesNul: boolean
  /** How paths are read. */
  readonly paths: { readonly smtputf8: true; readonly lenient: boolean }
  readonly proxies: NetworkList
  readonly xclient: NetworkList
  readonly trustsLogin: boolean
  readonly xforward: NetworkList
  readonly greeting: { readonly waitMs: number; readonly twoLines: boolean; readonly except: NetworkList }
  readonly strictPipelining: boolean
  readonly stress: StressOptions
  readonly onError: (error: unknown) => void
}

/** @throws {ListenerError} naming all that is wrong with them */
export function settingsOf(options: ListenerOptions): Settings {
  const {
    name,
    hostname,
    protocol = 'smtp',
    tls = 'optional',
    auth = 'optional',
    authWithoutTls = false,
    greeting,
  } = options
  const mistakes = listenerMistakes(options)
  if (mistakes.length > 0) throw new ListenerError(`Listener ${name}: ${mistakes.join('; ')}`)
  const perNetwork = 4 * (options.limits?.connectionsPerAddress ?? DEFAULT_LIMITS.connectionsPerAddress)
  const limits = { ...DEFAULT_LIMITS, connectionsPerNetwork: perNetwork, ...(options.strictLines && { line: 1000 }) }
  for (const [key, value] of Object.entries(options.limits ?? {}))
    if (value !== undefined) Object.assign(limits, { [key]: value })
  return Object.freeze({
    name,
    hostname,
    protocol,
    tls,
    minimumGroup: options.minimumGroup,
    auth,
    authWithoutTls,
    limits: Object.freeze(limits),
    normalise: options.bareLineEndings === 'normalise',
    refusesNul: options.nulOctets === 'reject',
    paths: Object.freeze({ smtputf8: true, lenient: options.brackets === 'optional' }),
    proxies: networkList(options.proxies),
    xclient: networkList(options.xclient),
    trustsLogin: options.xclientLogin === 'trust',
    xforward: networkList(options.xforward),
    greeting: { waitMs: 0, twoLines: false, ...greeting, except: networkList(greeting?.except) },
    stress: options.stress ?? {},
    strictPipelining: options.pipelining === 'strict',
    onError: options.onError ?? (() => {}),
  })
}
