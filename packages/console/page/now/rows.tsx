/** The rows in view, of thousands: their height is one, so where each stands is a product. */
import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import { cssOf } from '../part/opinion.tsx'
import { bare } from '../word.ts'
import type { CellState, Stage } from './road.ts'
import { keyOf } from './road.ts'
import { Row } from './row.tsx'
import type { Tx } from './traffic.ts'

/** Rows that are drawn above and below what is in view. */
const MARGIN = 4

interface Props {
  readonly list: readonly Tx[]
  readonly stages: readonly Stage[]
  readonly selected: string | undefined
  readonly scroll: RefObject<HTMLDivElement | null>
  /** Changes with every change of a row. */
  readonly tick: number
  select(tx: Tx): void
  onTop(isAtTop: boolean): void
}

/** Draws them. */
export function Rows({ list, stages, selected, scroll, select, onTop }: Props) {
  const [view, setView] = useState({ top: 0, tall: 800, height: 32 })
  const [tip, setTip] = useState<{ x: number; y: number; plugin: string; cell: CellState } | undefined>(undefined)
  useLayoutEffect(() => {
    const element = scroll.current
    if (element === null) return
    const measure = (): void => setView({ top: element.scrollTop, tall: element.clientHeight, height: rowHeight() })
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    const onScroll = (): void => {
      setView((before) => ({ ...before, top: element.scrollTop }))
      setTip(undefined)
      onTop(element.scrollTop <= 8)
    }
    element.addEventListener('scroll', onScroll, { passive: true })
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', onScroll)
    }
  }, [])
  useEffect(() => {
    if (list.length * view.height < view.top && scroll.current) onTop(scroll.current.scrollTop <= 8)
  }, [list.length])
  const first = Math.max(0, Math.floor(view.top / view.height) - MARGIN)
  const last = Math.min(list.length, first + Math.ceil(view.tall / view.height) + 2 * MARGIN)
  const point = (event: MouseEvent): void => {
    const cell = (event.target as Element).closest<HTMLElement>('.c') // what the pointer is over
    const tx = list.find(({ id }) => id === cell?.closest<HTMLElement>('.tx')?.dataset['id'])
    if (cell === null || tx === undefined) {
      setTip(undefined)
      return
    }
    const columns = stages.flatMap((stage) => stage.columns)
    const column = columns[[...(cell.closest('.cells')?.querySelectorAll('.c') ?? [])].indexOf(cell)]
    const state = column && tx.cells.get(keyOf(column))
    if (column === undefined || state === undefined) {
      setTip(undefined)
      return
    }
    const box = cell.getBoundingClientRect()
    setTip({ x: Math.min(box.left, innerWidth - 260), y: box.bottom + 5, plugin: column.plugin, cell: state })
  }
  return (
    // biome-ignore lint/a11y/useKeyWithMouseEvents: what the pointer is told of a cell, the panel says too
    // biome-ignore lint/a11y/noStaticElementInteractions: its keys are those of the screen
    <div
      class="space"
      role="presentation"
      style={{ height: `${list.length * view.height}px` }}
      onClick={(event) => {
        const id = (event.target as Element).closest<HTMLElement>('.tx')?.dataset['id'] // what was clicked
        const tx = list.find((one) => one.id === id)
        if (tx !== undefined) select(tx)
      }}
      onMouseOver={point}
      onMouseLeave={() => setTip(undefined)}
    >
      {list.slice(first, last).map((tx, n) => {
        const index = first + n
        return (
          <Row
            key={tx.id}
            tx={tx}
            version={tx.version}
            stages={stages}
            index={index}
            top={index * view.height}
            isOdd={(list.length - index) % 2 === 1}
            isSelected={tx.id === selected}
          />
        )
      })}
      {tip && (
        <div id="tip" aria-hidden="true" style={{ left: `${tip.x}px`, top: `${tip.y}px` }}>
          <b>{tip.plugin}</b>
          <span class={cssOf(tip.cell.kind)}>{wordOf(tip.cell)}</span>
          {tip.cell.ms !== undefined && <small>{bare(tip.cell.ms)} ms</small>}
        </div>
      )}
    </div>
  )
}

/** The height of a row as the sheet says; a phone's is another. */
export function rowHeight(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row')) || 32
}

/** A cell in a few words: its text, or what it did. */
export function wordOf({ kind, points, isShadow, text }: CellState): string {
  const words: Readonly<Record<string, string>> = {
    accept: 'accepts',
    silent: 'nothing to say',
    defer: 'refuses for now',
    reject: 'refuses',
    quarantine: 'quarantines',
    discard: 'discards',
    fail: 'failed',
  }
  const word = kind === 'points' ? `${points} ${points === 1 ? 'point' : 'points'}` : (words[kind] ?? kind)
  return `${isShadow ? 'in shadow: ' : ''}${word}${text === undefined ? '' : `, ${text}`}`
}
