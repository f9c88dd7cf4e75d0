/** Findings, made short. */
import type { HealthFinding } from '@postroad/plugin'

/** Everything is as it should be. */
export function ok(subject: string, evidence: string): HealthFinding {
  return { state: 'ok', subject, evidence }
}

/** What to do and where it is written; `rfc` may be left out. */
export interface Advice {
  readonly fix: string
  readonly rfc?: string
}

/** It works; somebody should know. */
export function remark(subject: string, evidence: string, { fix, rfc }: Advice): HealthFinding {
  return { state: 'remark', subject, evidence, fix, ...(rfc !== undefined && { rfc }) }
}

/** Mail is lost, refused or unsafe. */
export function fault(subject: string, evidence: string, { fix, rfc }: Advice): HealthFinding {
  return { state: 'fault', subject, evidence, fix, ...(rfc !== undefined && { rfc }) }
}

/** DNS does not answer: that is no evidence against anybody but the resolver, which has a check of its own. */
export function unknown(subject: string, question: string, code: string): HealthFinding {
  return remark(subject, `DNS does not say: ${question} (${code})`, {
    fix: 'Ask again later; the check "resolver" says whether it is the resolver.',
  })
}
