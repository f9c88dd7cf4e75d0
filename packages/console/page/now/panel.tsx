/** One transaction beside the list: a sentence, what it was, and what each plugin said. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Meter } from '../part/meter.tsx'
import { Cell, Say } from '../part/opinion.tsx'
import { Sentence } from '../part/sentence.tsx'
import { Trouble } from '../part/state.tsx'
import { Visible } from '../part/visible.tsx'
import { useAsked } from '../state/asked.ts'
import { useKeys } from '../state/keys.ts'
import { linkTo } from '../state/route.ts'
import { may } from '../state/session.ts'
import { copy } from '../state/toast.ts'
import { bare, counted, exactTimeOf, took } from '../word.ts'
import { type CellState, cellOf, keyOf, type Stage } from './road.ts'
import { wordOf } from './rows.tsx'
import { Trace } from './trace.tsx'
import type { Tx } from './traffic.ts'

interface Props {
  readonly id: string
  readonly tx: Tx | undefined
  readonly version: number
  readonly stages: readonly Stage[]
  close(): void
}

/** The panel. */
export function Panel({ id, tx, stages, close }: Props) {
  const { answer, problem, again } = useAsked<ApiAnswer<'transaction'>>(
    tx?.isOpen ? undefined : `v1/transactions/${encodeURIComponent(id)}`,
  )
  const row = answer?.row ?? tx?.row
  const record = answer?.record ?? tx?.record
  const remote = row?.remote ?? tx?.remote ?? ''
  const [isTraced, setTraced] = useState(false)
  useKeys({ c: () => record && copy(JSON.stringify(record), 'the canonical record') })
  return (
    <aside class="side open" aria-label="The transaction">
      <p class="id">
        {row === undefined ? <span>under way</span> : <Say kind={row.outcome} />}
        {(row?.at ?? tx?.at) !== undefined && <time>{exactTimeOf(row?.at ?? tx?.at ?? 0)}</time>}
        <button class="icon" type="button" aria-label="Close" onClick={close}>
          ✕
        </button>
      </p>
      <h2 class="headline">
        {answer === undefined ? (row?.reply ?? 'On its way.') : <Sentence parts={answer.sentence} />}
      </h2>
      {problem?.status !== 404 && <Trouble problem={problem} again={again} />}
      <Facts row={row} record={record} tx={tx} id={id} />
      <h3>Opinions{row === undefined ? '' : `, ${took(row.ms)} in all`}</h3>
      <Tree cells={tx?.cells} record={record} stages={stages} />
      {row !== undefined && (row.points !== 0 || (answer?.thresholds?.length ?? 0) > 0) && (
        <>
          <h3>Points</h3>
          <Meter points={row.points} thresholds={thresholdsOf(answer)} />
        </>
      )}
      {answer?.failures?.map(({ plugin, hook, text }) => (
        <p class="failure">
          <Say kind="failed" word={`${plugin} at ${hook}`} /> <Visible text={text} />
        </p>
      ))}
      <div class="acts">
        <a class="btn primary" href={linkTo('why', { id })}>
          Why?<kbd>Enter</kbd>
        </a>
        {record !== undefined && (
          <button class="btn" type="button" onClick={() => copy(JSON.stringify(record), 'the canonical record')}>
            Copy<kbd>c</kbd>
          </button>
        )}
        {may('trace') && remote !== '' && (
          <button class="btn" type="button" aria-pressed={isTraced} onClick={() => setTraced(!isTraced)}>
            {isTraced ? 'End trace' : 'Trace'}
          </button>
        )}
      </div>
      {isTraced && <Trace ip={remote} />}
    </aside>
  )
}

/** Points from which something is done, by what is done. */
export function thresholdsOf(
  answer: ApiAnswer<'transaction'> | undefined,
): Readonly<Record<string, number>> | undefined {
  if (answer?.thresholds === undefined || answer.thresholds.length === 0) return undefined
  return Object.fromEntries(answer.thresholds.map(({ at, action }) => [action === 'refuse' ? 'reject' : action, at]))
}

function Facts({
  row,
  record,
  tx,
  id,
}: {
  row: ApiShape<'row'> | undefined
  record: ApiShape<'record'> | undefined
  tx: Tx | undefined
  id: string
}) {
  const from = row === undefined ? tx?.from : row.from
  const to = record?.to ?? row?.to ?? tx?.to ?? []
  const more = (row?.recipients ?? to.length) - to.length
  return (
    <dl class="kv">
      {row !== undefined && (
        <Fact word="Reply">
          {
            <code>
              <Visible text={row.reply} />
            </code>
          }
        </Fact>
      )}
      {row?.stop?.told !== undefined && row.stop.told !== row.stop.hook && (
        <Fact word="Told at">
          {row.stop.told}, said at {row.stop.hook}
        </Fact>
      )}
      {from !== undefined && (
        <Fact word="From">
          <bdi dir="ltr">{from === '' ? '<>' : <Visible text={from} />}</bdi>
        </Fact>
      )}
      {to.length > 0 && (
        <Fact word="To">
          {to.slice(0, 8).map((one, n) => (
            <>
              {n > 0 && ', '}
              <bdi dir="ltr">
                <Visible text={one} />
              </bdi>
            </>
          ))}
          {more + Math.max(0, to.length - 8) > 0 && ` and ${more + Math.max(0, to.length - 8)} more`}
        </Fact>
      )}
      {row?.subject !== undefined && (
        <Fact word="Subject">
          <span dir="auto">
            <Visible text={row.subject} />
          </span>
        </Fact>
      )}
      <Fact word="Client">
        <code>{row?.remote ?? tx?.remote}</code>{' '}
        {[
          record?.helo,
          record?.tls &&
            `${record.tls.version.replace('TLSv', 'TLS ')}${record.tls.group === undefined ? '' : `, ${record.tls.group}`}`,
          record?.identity && `as ${record.identity}`,
        ]
          .filter(Boolean)
          .map((text, n) => (
            <>
              {n > 0 && '; '}
              <Visible text={String(text)} />
            </>
          ))}
      </Fact>
      <Fact word="Id">
        <code>{id}</code>
      </Fact>
    </dl>
  )
}

/** A word and what it is, in a list of facts. */
export function Fact({ word, children }: { word: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{word}</dt>
      <dd>{children}</dd>
    </>
  )
}

interface Leaf {
  readonly plugin: string
  readonly cell: CellState
}

/** Who was asked at which hook: of what was seen live all, of a record those that had something to say. */
export function Tree({
  cells,
  record,
  stages,
  isBrief = false,
}: {
  cells: ReadonlyMap<string, CellState> | undefined
  record: ApiShape<'record'> | undefined
  stages: readonly Stage[]
  /** Without those that had nothing to say; how many they were stands below. */
  isBrief?: boolean
}) {
  const all = hooksOfCells(cells, record, stages)
  const hooks = isBrief ? all.flatMap(spoken) : all
  const quiet = countOf(all) - countOf(hooks)
  const slowest = Math.max(1, ...hooks.flatMap(({ leaves }) => leaves.map(({ cell }) => cell.ms ?? 0)))
  if (all.length === 0) return <p class="note">Nobody was asked.</p>
  return (
    <>
      <ul class="tree">
        {hooks.map(({ hook, leaves }) => (
          <li>
            <div class="hook">{hook}</div>
            <ul>
              {leaves.map((leaf) => (
                <Opinion leaf={leaf} slowest={slowest} />
              ))}
            </ul>
          </li>
        ))}
      </ul>
      {quiet > 0 && (
        <p class="note">
          {counted(quiet, 'plugin')} {quiet === countOf(all) ? 'had' : 'more had'} nothing to say.
        </p>
      )}
    </>
  )
}

interface Asked {
  readonly hook: string
  readonly leaves: readonly Leaf[]
}

const countOf = (hooks: readonly Asked[]): number => hooks.reduce((sum, { leaves }) => sum + leaves.length, 0)

/** A hook with those that had something to say; none, when all were silent. */
function spoken({ hook, leaves }: Asked): Asked[] {
  const left = leaves.filter(({ cell }) => cell.kind !== 'silent')
  return left.length === 0 ? [] : [{ hook, leaves: left }]
}

function Opinion({ leaf: { plugin, cell }, slowest }: { leaf: Leaf; slowest: number }) {
  const isQuiet = cell.kind === 'silent' || cell.kind === 'accept'
  const ms = cell.ms
  return (
    <li>
      <div class="op">
        <Cell kind={cell.kind} points={cell.points} isShadow={cell.isShadow} />
        <span class="pn">{plugin}</span>
        <span class={`t${isQuiet ? '' : ' strong'}`}>
          <Visible text={wordOf(cell)} />
        </span>
        <span class="lat" aria-hidden="true">
          {ms !== undefined && (
            <i class={ms > 1_000 ? 'slow' : ''} style={{ width: `${Math.max(3, (ms / slowest) * 100)}%` }} />
          )}
        </span>
        <span class="n">{ms === undefined ? '' : ms >= 1_000 ? took(ms) : bare(ms)}</span>
      </div>
    </li>
  )
}

function hooksOfCells(
  cells: ReadonlyMap<string, CellState> | undefined,
  record: ApiShape<'record'> | undefined,
  stages: readonly Stage[],
): Asked[] {
  if (cells !== undefined && cells.size > 0 && stages.length > 0)
    return stages.flatMap(({ hook, columns }) => {
      const leaves = columns.flatMap((column) => {
        const cell = cells.get(keyOf(column))
        return cell === undefined ? [] : [{ plugin: column.plugin, cell }]
      })
      return leaves.length === 0 ? [] : [{ hook, leaves }]
    })
  const hooks = new Map<string, Leaf[]>()
  for (const opinion of record?.opinions ?? []) {
    const leaves = hooks.get(opinion.hook) ?? []
    hooks.set(opinion.hook, leaves)
    leaves.push({ plugin: opinion.plugin, cell: cellOf([opinion]) })
  }
  return [...hooks].map(([hook, leaves]) => ({ hook, leaves }))
}
