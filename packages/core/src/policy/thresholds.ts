/** What the sum of points is worth. */
import { normalizeDomain } from '@postroad/mail'
import { defer, type MessageOpinion, quarantine, reject } from '@postroad/plugin'
import type { Levels, Thresholds } from '../config/config.ts'

/** A threshold that is met. */
export interface Met {
  readonly level: keyof Levels
  /** Its points. */
  readonly at: number
}

/** The highest threshold that decides and is met, for a recipient of this domain. */
export function judge(
  points: number,
  thresholds: Thresholds,
  domain = '',
): (Met & { readonly opinion: MessageOpinion }) | undefined {
  const levels = levelsFor(thresholds, domain)
  for (const level of DECISIVE) {
    const at = levels[level]
    if (at !== undefined && points >= at) return { level, at, opinion: opinionOf(level, points) }
  }
  return undefined
}

const DECISIVE = ['reject', 'defer', 'quarantine'] as const

function opinionOf(level: (typeof DECISIVE)[number], points: number): MessageOpinion {
  if (level === 'reject') return reject('Message refused by local policy', { status: '5.7.1' })
  if (level === 'defer') return defer('Message deferred by local policy', { status: '4.7.1' })
  return quarantine(`${round(points)} points`)
}

/** The same, with the names of domains as addresses have them; what is no name stays, and fits nobody. */
export function withNormalDomains({ domains, ...levels }: Thresholds): Thresholds {
  if (!domains) return levels
  const entries = Object.entries(domains).map(
    ([name, own]) => [normalizeDomain(name, { smtputf8: true }) ?? name, own] as const,
  )
  return { ...levels, domains: Object.fromEntries(entries) }
}

/** The lowest level that quarantines, for whomever. */
export function quarantineLevel({ quarantine, domains = {} }: Thresholds): number | undefined {
  const all = [quarantine, ...Object.values(domains).map((levels) => levels.quarantine)].filter(
    (level) => level !== undefined,
  )
  return all.length === 0 ? undefined : Math.min(...all)
}

/** Whether there is a level that marks, for whomever. */
export function mayMark({ tag, domains = {} }: Thresholds): boolean {
  return [tag, ...Object.values(domains).map((levels) => levels.tag)].some((level) => level !== undefined)
}

/** The threshold of the mark, when it is met. */
export function marks(points: number, thresholds: Thresholds, domain = ''): Met | undefined {
  const { tag } = levelsFor(thresholds, domain)
  return tag !== undefined && points >= tag ? { level: 'tag', at: tag } : undefined
}

function levelsFor(thresholds: Thresholds, domain: string): Levels {
  const { domains } = thresholds
  return domains && Object.hasOwn(domains, domain) ? { ...thresholds, ...domains[domain] } : thresholds
}

/** Points as people read them: to a hundredth. */
export function round(points: number): number {
  return Math.round(points * 100) / 100
}
