/** Whether the resolver validates DNSSEC, and says so to us: asked before its word is taken for anything. */
import type { Dns } from '@postroad/plugin'

/** Names that show it. */
export interface ProbeNames {
  /** A name in a signed zone: its answer, or that there is none, must be secure. */
  readonly signed: string
  /** A name whose signatures do not hold: it must not be answered. */
  readonly bogus: string
}

/** What the resolver is. */
export interface ResolverProof {
  /** `validates`; `blind`: it does not, or nobody here believes it; `unknown`: it did not answer. */
  readonly state: 'validates' | 'blind' | 'unknown'
  /** A sentence, with what to do. */
  readonly reason: string
}

/** Asks both questions. Does not reject. */
export async function proveResolver(
  dns: Pick<Dns, 'txt'>,
  { signed, bogus }: ProbeNames,
  signal?: AbortSignal,
): Promise<ResolverProof> {
  const good = await ask(dns, signed, signal)
  if (good.code === 'SILENT') return { state: 'unknown', reason: `the resolver does not answer for ${signed}` }
  if (!good.isSecure)
    return {
      state: 'blind',
      reason: `the resolver does not say that ${signed} is signed: use one that validates, on this machine (unbound), or one that you trust, with trustAd`,
    }
  const bad = await ask(dns, bogus, signal)
  if (bad.code === 'FOUND' || bad.code === 'DENIED')
    return {
      state: 'blind',
      reason: `the resolver answers for ${bogus}, whose signatures are wrong: it does not validate`,
    }
  return { state: 'validates', reason: `the resolver validates: ${signed} is secure, and ${bogus} is not answered` }
}

interface Said {
  readonly code: 'FOUND' | 'DENIED' | 'SILENT'
  readonly isSecure: boolean
}

async function ask(dns: Pick<Dns, 'txt'>, name: string, signal?: AbortSignal): Promise<Said> {
  try {
    return { code: 'FOUND', isSecure: (await dns.txt(name, signal)).secure }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const isDenied = code === 'NODATA' || code === 'NXDOMAIN'
    return {
      code: isDenied ? 'DENIED' : 'SILENT',
      isSecure: isDenied && error instanceof Error && 'secure' in error && error.secure === true,
    }
  }
}
