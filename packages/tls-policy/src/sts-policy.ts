/** What a domain says with MTA-STS, RFC 8461 §3: the record that names a policy, the policy, and which hosts it is about. */

/** A policy, checked. */
export interface StsPolicy {
  readonly mode: 'enforce' | 'testing' | 'none'
  /** Names of hosts as A-labels in lower case, `*.` for one label; at least one, unless the mode is `none`. */
  readonly mx: readonly string[]
  /** Seconds it may be kept. */
  readonly maxAge: number
}

/** RFC 8461 §3.2: about a year. */
const MAX_AGE = 31_557_600
/** Lines and hosts that are looked at. */
const MAX_LINES = 2_000
const HOST = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/** RFC 8461 §3.1: the id that the one record of a domain gives; undefined when there is none, or more than one. */
export function stsId(texts: readonly string[]): string | undefined {
  const [record, ...more] = texts.filter((text) => /^v=STSv1[ \t]*;/.test(text))
  if (record === undefined || more.length > 0) return undefined
  const ids = record
    .split(';')
    .map((field) => field.trim())
    .filter((field) => field.startsWith('id='))
  const id = ids[0]?.slice(3)
  return id !== undefined && /^[A-Za-z0-9]{1,32}$/.test(id) ? id : undefined
}

/** Reads a policy; a text says what is wrong with it. */
export function parseStsPolicy(text: string): StsPolicy | { readonly mistake: string } {
  const fields = new Map<string, string>()
  const mx: string[] = []
  for (const line of text.split('\n').slice(0, MAX_LINES)) {
    const [, key, value] =
      /^([A-Za-z0-9][A-Za-z0-9_.-]{0,31})[ \t]*:[ \t]*([^\r]*?)[ \t]*\r?$/.exec(line.slice(0, 1_000)) ?? []
    if (key === undefined || value === undefined) continue
    // RFC 8461 §3.2: of a key that stands there twice the first counts, but for hosts.
    if (key === 'mx') mx.push(value.toLowerCase().replace(/\.$/, ''))
    else if (!fields.has(key)) fields.set(key, value)
  }
  return judge(fields, mx)
}

function judge(fields: ReadonlyMap<string, string>, mx: readonly string[]): StsPolicy | { readonly mistake: string } {
  if (fields.get('version') !== 'STSv1') return { mistake: 'version is not STSv1' }
  const mode = (['enforce', 'testing', 'none'] as const).find((one) => one === fields.get('mode'))
  if (mode === undefined) return { mistake: 'mode is none of enforce, testing and none' }
  const age = fields.get('max_age') ?? ''
  if (!/^\d{1,10}$/.test(age)) return { mistake: 'max_age is no number of seconds' }
  const wrong = mx.find((name) => !HOST.test(name) || name.length > 255)
  if (wrong !== undefined) return { mistake: `mx is no name of a host: ${wrong.slice(0, 80)}` }
  if (mode !== 'none' && mx.length === 0) return { mistake: `the mode is ${mode}, and no mx is named` }
  return { mode, mx, maxAge: Math.min(Number(age), MAX_AGE) }
}

/** RFC 8461 §4.1: whether the policy names the host; `*.` stands for exactly one label. */
export function namesHost({ mx }: Pick<StsPolicy, 'mx'>, host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  const rest = name.slice(name.indexOf('.') + 1)
  return mx.some((pattern) =>
    pattern.startsWith('*.') ? name.includes('.') && pattern.slice(2) === rest : pattern === name,
  )
}

/** Before the domain: the key under which its policy is kept in the store. */
export const KEPT = 'mta-sts:'

/** The lines of a policy, as a report shows them, RFC 8460 §4.4. */
export function textOfPolicy({ mode, mx, maxAge }: StsPolicy): readonly string[] {
  return ['version: STSv1', `mode: ${mode}`, ...mx.map((name) => `mx: ${name}`), `max_age: ${maxAge}`]
}

/** A policy that was kept as JSON, with its id and when it was fetched; undefined when it is none, of another version for one. */
export function parseKept(
  text: string | undefined,
): { readonly id: string; readonly policy: StsPolicy; readonly fetchedAt: number } | undefined {
  if (text === undefined) return undefined
  const { id, policy, fetchedAt } = JSON.parse(text) as Readonly<Record<string, unknown>> // each is looked at below
  if (typeof id !== 'string' || typeof fetchedAt !== 'number' || typeof policy !== 'object' || policy === null)
    return undefined
  const { mode, mx, maxAge }: Partial<Record<keyof StsPolicy, unknown>> = policy
  if (!Array.isArray(mx) || !mx.every((name): name is string => typeof name === 'string')) return undefined
  const judged = judge(new Map([['version', 'STSv1'], ['mode', String(mode)], ['max_age', String(maxAge)]]), mx) // biome-ignore format: a table
  return 'mistake' in judged ? undefined : { id, policy: judged, fetchedAt }
}
