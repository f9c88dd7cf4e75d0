/** What the channels of this process carry, as it is read here: neither side imports the other. */

/** On `postroad:wire`, of listeners (`server`) and of transports (`client`). */
export interface TracedWire {
  readonly side: 'server' | 'client'
  readonly kind: 'open' | 'in' | 'out' | 'content' | 'tls' | 'close'
  readonly of: object
  readonly session?: string | undefined
  readonly listener?: string
  readonly host?: string | undefined
  readonly remote?: string | undefined
  readonly text: string
  readonly octets?: Uint8Array
  readonly isSecret: boolean
}

/** On the tracing channel `postroad:hook`. */
export interface HookSeen {
  readonly plugin: string
  readonly hook: string
  readonly session: string | undefined
  readonly shadow: boolean
  readonly startedAt: number
  readonly asynchronous: boolean
  readonly result?: unknown
  readonly error?: unknown
}

/** A run in words: `greylist defer 4.7.1 2.1 ms`. */
export function hookText({ plugin, shadow, result, error, startedAt }: HookSeen, now: number): string {
  const said = error === undefined ? answerText(result) : 'failed'
  return `${plugin}${shadow ? ' (shadow)' : ''} ${said} ${(now - startedAt).toFixed(1)} ms`
}

/** The kind of an opinion, with its code or points; a route its way; else that there was an answer, or none. */
function answerText(result: unknown): string {
  if (result === undefined) return '-'
  // Opinions come as a list: at message one handler may have several.
  if (Array.isArray(result)) return result.map(answerText).join(', ') || '-'
  if (typeof result !== 'object' || result === null) return 'answers'
  const { kind, status, points, via } = result as Readonly<Record<string, unknown>> // each is looked at
  if (typeof kind === 'string')
    return [kind, typeof status === 'string' ? status : '', typeof points === 'number' ? String(points) : '']
      .filter(Boolean)
      .join(' ')
  return typeof via === 'string' ? `via ${via}` : 'answers'
}
