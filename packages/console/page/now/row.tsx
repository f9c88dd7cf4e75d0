/** One row of Now: drawn again only when its transaction, its place or whether it is chosen has changed. */
import { Component } from 'preact'
import { Path } from '../part/address.tsx'
import { Cell, cssOf } from '../part/opinion.tsx'
import { Visible } from '../part/visible.tsx'
import { exactTimeOf, took } from '../word.ts'
import { keyOf, roadInWords, type Stage } from './road.ts'
import type { Tx } from './traffic.ts'

/** From here on a transaction is slow, in milliseconds. */
const SLOW_MS = 2_000

interface Props {
  readonly tx: Tx
  readonly version: number
  readonly stages: readonly Stage[]
  readonly index: number
  readonly top: number
  readonly isOdd: boolean
  readonly isSelected: boolean
}

/** The row. */
export class Row extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    const { tx, version, stages, index, top, isSelected } = this.props
    return (
      next.version !== version ||
      next.tx !== tx ||
      next.stages !== stages ||
      next.index !== index ||
      next.top !== top ||
      next.isSelected !== isSelected
    )
  }

  override render() {
    const { tx, stages, index, top, isOdd, isSelected } = this.props
    const { row } = tx
    // Who left without a reply has no code.
    const [, code = '', text = ''] = /^(\d{3}(?: |$))?(.*)$/s.exec(row?.reply ?? '') ?? []
    const rest = text.split(' ')
    const isStopped = row !== undefined && /^(?:refused|deferred|left)$/.test(row.outcome)
    const time = exactTimeOf(tx.at)
    return (
      <div
        class={`tx${isOdd ? ' odd' : ''}`}
        role="row"
        id={`tx-${tx.id}`}
        data-id={tx.id}
        aria-rowindex={index + 2}
        aria-selected={isSelected}
        style={{ transform: `translateY(${top}px)` }}
      >
        <span class="when" role="gridcell">
          {time.slice(0, 8)}
          <i>{time.slice(8)}</i>
        </span>
        <span class="who" role="gridcell">
          {row !== undefined && row.from === undefined ? (
            <span class="shadow">
              <code>{row.remote}</code> {row.outcome === 'left' ? 'left' : 'turned away'} before MAIL
            </span>
          ) : (
            <Path from={tx.from} to={tx.to} more={row === undefined ? 0 : row.recipients - row.to.length} />
          )}
        </span>
        <span class="cl" role="gridcell" title={tx.remote}>
          {tx.remote}
        </span>
        <Cells tx={tx} stages={stages} />
        <span class={`rep${isStopped ? ' stopped' : ''}`} role="gridcell" title={row?.reply}>
          {row === undefined ? (
            <span>under way</span>
          ) : (
            <>
              <b class={cssOf(row.outcome)}>{code.trim()}</b>
              <bdi>
                {isStopped ? <Visible text={textOf(rest)} /> : <Visible text={row.subject ?? rest.join(' ')} />}
              </bdi>
            </>
          )}
        </span>
        <span class={`ms${(row?.ms ?? 0) > SLOW_MS ? ' slow' : ''}`} role="gridcell">
          {row === undefined ? '' : took(row.ms)}
        </span>
      </div>
    )
  }
}

/** A reply without its enhanced status, which the panel has. */
function textOf(words: readonly string[]): string {
  const [first = ''] = words
  return (/^\d\.\d+\.\d+$/.test(first) ? words.slice(1) : words).join(' ')
}

function Cells({ tx, stages }: { tx: Tx; stages: readonly Stage[] }) {
  const { cells, row } = tx
  const end = endOf(tx, stages)
  const reached = stages.findLast(({ from }) => from < end)
  const gaps = reached === undefined ? 0 : stages.indexOf(reached)
  const all = stages.reduce((sum, { columns }) => sum + columns.length, 0)
  return (
    <span
      class="cells"
      role="gridcell"
      style={{ '--end': end === 0 ? '0px' : `calc((var(--cell) + var(--gap)) * ${end} + var(--join) * ${gaps} - 8px)` }}
    >
      <span class="vh">{row === undefined ? 'under way' : roadInWords(cells)}</span>
      {stages.map(({ columns, from }) => (
        <span class="stage" aria-hidden="true">
          {columns.map((column, n) => {
            const at = from + n
            const cell = cells.get(keyOf(column))
            if (cell !== undefined)
              return <Cell kind={cell.kind} points={cell.points} isShadow={cell.isShadow} key={keyOf(column)} />
            return <Cell kind={tx.isOpen && at === end && at < all ? 'under-way' : 'none'} />
          })}
        </span>
      ))}
    </span>
  )
}

/** How many columns the road of a mail passes. */
function endOf(tx: Tx, stages: readonly Stage[]): number {
  const { row } = tx
  const all = stages.reduce((sum, { columns }) => sum + columns.length, 0)
  if (row?.outcome === 'accepted' || row?.outcome === 'quarantined' || row?.outcome === 'discarded') return all
  // The last column that has a cell: where a refusal stands, or where the client left.
  let end = 0
  for (const { columns, from } of stages)
    columns.forEach((column, n) => {
      if (tx.cells.has(keyOf(column))) end = from + n + 1
    })
  if (tx.isOpen && tx.hook !== undefined) {
    const stage = stages.find(({ columns }) => columns.some(({ hook }) => hook === tx.hook))
    const at = stage?.columns.findLastIndex(({ hook }) => hook === tx.hook) ?? -1
    if (stage !== undefined) end = Math.max(end, stage.from + at + 1)
  }
  return end
}
