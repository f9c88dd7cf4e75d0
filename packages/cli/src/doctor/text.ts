/** Findings as lines of text. */
import { countStates, type Diagnosis, type DoctorContext } from '@postroad/doctor'

const MARKS = { ok: 'ok', remark: 'remark', fault: 'FAULT' } as const

/** All of it, for a terminal. */
export function findingText({ domains, hostname, addresses }: DoctorContext, found: readonly Diagnosis[]): string {
  const { ok, remark, fault } = countStates(found)
  return [
    `${domains.join(', ')}: ${hostname}, ${addresses.join(', ') || 'no address known'}`,
    ...found.flatMap(findingLines),
    `${ok} as they should be, ${remark} remarks, ${fault} faults.`,
  ].join('\n')
}

/** One finding: what was seen, and what to do. */
export function findingLines({ check, state, subject, evidence, fix, rfc }: Diagnosis): readonly string[] {
  const first = `  ${MARKS[state].padEnd(7)} ${check.padEnd(14)} ${shown(subject)}: ${shown(evidence)}`
  return fix === undefined ? [first] : [first, `${' '.repeat(25)}${shown(fix)}${rfc === undefined ? '' : ` (${rfc})`}`]
}

/** What others have published must not write on the terminal. */
function shown(foreign: string): string {
  return foreign.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '·')
}
