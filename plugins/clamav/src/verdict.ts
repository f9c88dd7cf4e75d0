/** What came of a scan, and what that is worth. */
import { glob } from '@postroad/options'
import { defineFact, type MessageOpinion } from '@postroad/plugin'
import { type ScanAction, scanOpinion } from '@postroad/upstream'
import type { ScanReply } from './reply.ts'

/** What clamd, or the lack of its word, says of a message. */
export interface VirusScan {
  /** `unscanned` is not `clean`: it was too large, or clamd has not looked at all of it. */
  readonly result: 'clean' | 'infected' | 'unscanned'
  /** Of what was found, as clamd calls it: `Win.Test.EICAR_HDB-1`. */
  readonly name?: string
  /** Why it was not scanned: `size` is our own limit, others are clamd's: `StreamMaxLength`, `MaxRecursion`. */
  readonly limit?: string
  /** Who said so; absent where nobody was asked. */
  readonly daemon?: string
  /** Milliseconds that the answer took, after the message was there. */
  readonly ms?: number
}

/** Set by the plugin `clamav` at `message`; absent when no clamd could say anything. */
export const virusFact = defineFact<VirusScan>('virus')

/** What is worth what. */
export interface VirusWorth {
  readonly infected: ScanAction
  readonly names: Readonly<Record<string, ScanAction>>
  readonly unscanned: ScanAction
}

/** Not viruses: programs that may be unwanted, and guesses. */
const DEFAULT_NAMES: Readonly<Record<string, ScanAction>> = { 'PUA.*': 3, 'Heuristics.*': 5 }

/** What the scan comes to. */
export function scanOf(reply: ScanReply, daemon: string, ms: number): VirusScan {
  if (reply.kind === 'found') return { result: 'infected', name: reply.name, daemon, ms }
  if (reply.kind === 'limit') return { result: 'unscanned', limit: reply.limit, daemon, ms }
  return { result: 'clean', daemon, ms }
}

/** Gives what a scan is worth. */
export function judgeOf({ infected, names, unscanned }: VirusWorth): (scan: VirusScan) => MessageOpinion | undefined {
  const table = Object.entries({ ...names, ...without(DEFAULT_NAMES, names) }).map(
    ([pattern, action]) => [glob(pattern), action] as const,
  )
  return ({ result, name = '', limit = '' }) => {
    if (result === 'clean') return undefined
    if (result === 'unscanned')
      return scanOpinion(unscanned, {
        text: 'The message cannot be scanned for viruses',
        reason: `clamav: not scanned (${limit})`,
      })
    const action = table.find(([fits]) => fits(name))?.[1] ?? infected
    return scanOpinion(action, { text: `The message contains a virus: ${name}`, reason: `clamav: ${name}` })
  }
}

/** What a header field says. */
export function statusOf(scan: VirusScan | undefined): string {
  if (!scan) return 'Not scanned'
  if (scan.result === 'clean') return 'Clean'
  return scan.result === 'infected' ? `Infected (${scan.name})` : `Not scanned (${scan.limit})`
}

function without(
  table: Readonly<Record<string, ScanAction>>,
  keys: Readonly<Record<string, ScanAction>>,
): Readonly<Record<string, ScanAction>> {
  return Object.fromEntries(Object.entries(table).filter(([key]) => !Object.hasOwn(keys, key)))
}
