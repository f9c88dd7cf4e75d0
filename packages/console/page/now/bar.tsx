/** What stands above and below the rows: outcomes to choose from, the pulse of the last minute, names of the columns, and what the shapes mean. */
import { Icon } from '../part/icon.tsx'
import { Mirror } from '../part/mirror.tsx'
import { Cell, cssOf, glyphOf } from '../part/opinion.tsx'
import type { CellKind, Stage } from './road.ts'
import type { Traffic } from './traffic.ts'

const OUTCOMES = [
  ['all', 'All'],
  ['accepted', 'Accepted'],
  ['deferred', 'Deferred'],
  ['refused', 'Refused'],
  ['quarantined', 'Quarantined'],
  ['shadow', 'Shadow'],
  ['failed', 'Failed'],
] as const

/** What the list is narrowed to. */
export type OutcomeKey = (typeof OUTCOMES)[number][0]

/** One of the outcomes. */
export function Outcomes({ value, choose }: { value: OutcomeKey; choose: (key: OutcomeKey) => void }) {
  return (
    <div class="chips" role="group" aria-label="Outcome">
      {OUTCOMES.map(([key, word]) => (
        <button type="button" aria-pressed={key === value} onClick={() => choose(key)}>
          {key !== 'all' && <Icon id={glyphOf(key)} css={cssOf(key)} />}
          {word}
        </button>
      ))}
    </div>
  )
}

/** How many ended in each second of the last minute; above the road what went on. */
export function Pulse({ traffic }: { traffic: Traffic; tick: number }) {
  const beats = traffic.pulse()
  const sum = beats.reduce((total, { ok, quarantine, defer, reject }) => total + ok + quarantine + defer + reject, 0)
  const lately =
    beats.slice(-5).reduce((total, { ok, quarantine, defer, reject }) => total + ok + quarantine + defer + reject, 0) /
    5
  return (
    <>
      <div class="pulse" role="img" aria-label={`Transactions a second in the last minute: ${sum} in all`}>
        <Mirror bars={beats.map((beat) => ({ ...beat }))} width={120} height={28} />
      </div>
      <p class="rate">
        <b>{lately >= 10 ? Math.round(lately) : Math.round(lately * 10) / 10}</b> a second
      </p>
    </>
  )
}

const SHORT: Readonly<Record<string, string>> = { connect: 'conn', message: 'msg', quarantine: 'aside' }

/** A hook above its columns; one column is too narrow for a long word. */
function labelOf(hook: string, columns: number): string {
  if (hook === 'quarantine' && columns > 1) return 'queue'
  return columns === 1 ? (SHORT[hook] ?? hook) : hook
}

/** The names of the columns: hooks across, plugins upright. */
export function Head({ stages }: { stages: readonly Stage[] }) {
  return (
    <div class="ghead" role="rowgroup">
      <div class="tx head" role="row" aria-rowindex={1}>
        <span role="columnheader">Time</span>
        <span role="columnheader">From → to</span>
        <span role="columnheader" class="cl">
          Client
        </span>
        <span
          role="columnheader"
          class="cells"
          aria-label={`Opinions: ${stages.flatMap(({ columns }) => columns.map(({ plugin }) => plugin)).join(', ')}`}
        >
          {stages.map(({ hook, columns, hidden }) => (
            <span class="stage">
              <b>{labelOf(hook, columns.length)}</b>
              <div>
                {columns.map(({ plugin, isShadow }) => (
                  <span class={`pl${isShadow ? ' sh' : ''}`}>
                    <span>{plugin}</span>
                  </span>
                ))}
                {hidden > 0 && (
                  <small class="hid" title={`${hidden} more that had nothing to say`}>
                    +{hidden}
                  </small>
                )}
              </div>
            </span>
          ))}
        </span>
        <span role="columnheader">Reply, or subject</span>
        <span role="columnheader" class="ms">
          Took
        </span>
      </div>
    </div>
  )
}

const LEGEND: readonly (readonly [kind: CellKind, word: string, isShadow?: boolean])[] = [
  ['accept', 'accept'],
  ['points', 'points'],
  ['defer', 'refuse for now'],
  ['reject', 'refuse'],
  ['quarantine', 'quarantine'],
  ['fail', 'failed'],
  ['reject', 'shadow', true],
]

/** What the shapes mean. */
export function Legend() {
  return (
    <ul class="legend">
      {LEGEND.map(([kind, word, isShadow]) => (
        <li>
          <Cell kind={kind} points={2} isShadow={isShadow} />
          {word}
        </li>
      ))}
    </ul>
  )
}
