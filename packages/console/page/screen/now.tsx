/** Now: a row a transaction, as it happens. The list does not run away: it moves only while its top is in view, and a chosen row stays chosen. */
import type { ApiAnswer } from '@postroad/admin-api'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Head, Legend, type OutcomeKey, Outcomes, Pulse } from '../now/bar.tsx'
import { Panel } from '../now/panel.tsx'
import { stagesOf } from '../now/road.ts'
import { Rows, rowHeight } from '../now/rows.tsx'
import { fits, MOST, Traffic, type Tx } from '../now/traffic.ts'
import { Icon } from '../part/icon.tsx'
import { Trouble } from '../part/state.tsx'
import { get } from '../state/api.ts'
import { useAsked } from '../state/asked.ts'
import { useKeys } from '../state/keys.ts'
import { go, place } from '../state/route.ts'
import { stepped } from '../state/stepped.ts'
import { listen, refusal } from '../state/stream.ts'
import { number } from '../word.ts'

/** Rows of the past that are asked for at first. */
const FILL = 200
/** A client that is under way for longer is not believed to be: milliseconds. */
const SILENT_MS = 900_000
/** What was said of a sample is true for so long: milliseconds. */
const SAMPLED_MS = 3_000
/** One list for as long as the page is open: who comes back finds it as it was. */
const traffic = new Traffic()

/** The screen. */
export function Now() {
  const explain = useAsked<ApiAnswer<'explain'>>('v1/explain')
  const [tick, setTick] = useState(0)
  const [outcome, setOutcome] = useState<OutcomeKey>('all')
  const [words, setWords] = useState('')
  const [isPaused, setPaused] = useState(false)
  const isHeld = useRef(false)
  const isPausedNow = useRef(false)
  const [isFilled, setFilled] = useState(false)
  /** Rows to go down, of keys that came before the list. */
  const early = useRef(0)
  const scroll = useRef<HTMLDivElement>(null)
  const redraw = (): void => setTick((n) => n + 1)

  useEffect(() => {
    if (explain.answer === undefined) return
    const wasAll = traffic.stages
    traffic.setStages(stagesOf(explain.answer, traffic.said))
    if (wasAll !== traffic.stages) redraw()
  }, [explain.answer])

  useEffect(() => {
    const fill = (): void => {
      get<ApiAnswer<'transactions'>>(`v1/transactions?full=1&limit=${FILL}`).then(
        ({ items, records }) => {
          traffic.fill(items, records)
          setFilled(true)
        },
        () => setFilled(true), // The stream says that the server is gone; without a past, the present is shown.
      )
    }
    fill()
    const close = listen(['open', 'hook', 'end', 'status', 'job'], (events) => {
      traffic.take(events, isHeld.current)
      redraw()
    })
    // The pulse goes on when nothing comes.
    const timer = setInterval(() => {
      traffic.forget(Date.now() - SILENT_MS)
      redraw()
    }, 1_000)
    return () => {
      close()
      clearInterval(timer)
    }
  }, [])

  const hold = (): void => {
    const wasHeld = isHeld.current
    isHeld.current = isPausedNow.current || (scroll.current?.scrollTop ?? 0) > 8
    if (wasHeld && !isHeld.current) traffic.show()
    redraw()
  }
  const pause = (): void => {
    isPausedNow.current = !isPausedNow.current
    setPaused(isPausedNow.current)
    hold()
  }
  const list = useList(tick, words, outcome)
  const selected = place.value.values['id']
  const select = (tx: Tx | undefined): void => go('now', { id: tx?.id }, true)
  const move = (step: number): void => {
    if (list.length === 0 && !isFilled) {
      early.current += step
      return
    }
    const at = list.findIndex(({ id }) => id === selected)
    const to = stepped({ count: list.length, at, last: undefined, by: step })
    const tx = list[to]
    const element = scroll.current
    if (tx === undefined || element === null) return
    const height = rowHeight()
    if (to * height < element.scrollTop) element.scrollTop = to * height
    if ((to + 1) * height > element.scrollTop + element.clientHeight)
      element.scrollTop = (to + 1) * height - element.clientHeight
    select(tx)
  }
  useLayoutEffect(() => {
    if (early.current !== 0) move(early.current)
    early.current = 0
  }, [isFilled, list.length > 0])
  useKeys({
    j: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    ArrowUp: () => move(-1),
    g: () => move(-MOST),
    G: () => move(MOST),
    ' ': pause,
    Enter: () => selected !== undefined && go('why', { id: selected }),
    Escape: () => {
      select(undefined)
      scroll.current?.focus({ preventScroll: true })
    },
  })
  const chosen = selected === undefined ? undefined : traffic.find(selected)
  const waiting = traffic.waiting.length
  return (
    <section class="screen split" aria-labelledby="h-now">
      <div class="pane">
        <div class="bar">
          <h1 id="h-now" class="vh">
            Now
          </h1>
          <label class="search">
            <Icon id="i-why" />
            <span class="vh">Filter</span>
            <input
              type="search"
              data-search
              value={words}
              placeholder="Filter: greylist   5xx   alice@   192.0.2."
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => setWords(event.currentTarget.value)}
            />
            <kbd>/</kbd>
          </label>
          <Outcomes value={outcome} choose={setOutcome} />
          <Pulse traffic={traffic} tick={tick} />
          <button type="button" class="btn" id="pause" aria-pressed={isPaused} onClick={pause}>
            <i class="dot live" aria-hidden="true" />
            <span>{isPaused ? 'Paused' : refusal.value === undefined ? 'Live' : 'No events'}</span>
            <kbd>Space</kbd>
          </button>
        </div>
        <Trouble problem={explain.problem ?? refusal.value} {...(explain.problem && { again: explain.again })} />
        <div class="gridwrap">
          <div class="grid" role="grid" aria-label="Transactions, newest first" aria-rowcount={list.length + 1}>
            <Head stages={traffic.stages} />
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and who has no mouse scrolls by keys */}
            <div class="scroll" ref={scroll} role="rowgroup" tabIndex={0} aria-label="Rows">
              <Rows
                list={list}
                stages={traffic.stages}
                selected={selected}
                scroll={scroll}
                tick={tick}
                select={select}
                onTop={hold}
              />
            </div>
          </div>
          {waiting > 0 && (
            <button
              type="button"
              class="fresh"
              onClick={() => {
                if (scroll.current) scroll.current.scrollTop = 0
                if (isPaused) pause()
                else hold()
              }}
            >
              {number(waiting)} new ↑
            </button>
          )}
          {list.length === 0 && <Nothing isNew={traffic.list.length === 0} isSilent={explain.answer === undefined} />}
        </div>
        <footer class="foot">
          <Legend />
          <p class="keys">
            <kbd>j</kbd>
            <kbd>k</kbd> move <kbd>Enter</kbd> why <kbd>Esc</kbd> close
          </p>
          <p class="num">
            {Date.now() - traffic.sampledAt < SAMPLED_MS &&
              `more than can be read: ${number(traffic.sampled)} of the last second are counted and have no row; `}
            {traffic.skipped > 0 && `${number(traffic.skipped)} rows skipped, this page was too slow; `}
            {list.length === traffic.list.length
              ? `the last ${number(list.length)}`
              : `${number(list.length)} of the last ${number(traffic.list.length)}`}
          </p>
        </footer>
      </div>
      {selected !== undefined && (
        <Panel
          key={selected}
          id={selected}
          tx={chosen}
          version={chosen?.version ?? 0}
          stages={traffic.stages}
          close={() => select(undefined)}
        />
      )}
    </section>
  )
}

/** What the filter lets through. Without a filter it is the list itself: ten thousand rows are not looked at sixty times a second. */
function useList(_tick: number, text: string, outcome: OutcomeKey): readonly Tx[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return words.length === 0 && outcome === 'all' ? traffic.list : traffic.list.filter((tx) => fits(tx, words, outcome))
}

function Nothing({ isNew, isSilent }: { isNew: boolean; isSilent: boolean }) {
  if (isSilent) return null
  return (
    <div class="empty over">
      <Icon id="i-road" />
      {isNew ? (
        <>
          <h2>No mail yet. Send the first one:</h2>
          <p>
            <code>swaks --server 127.0.0.1:2525 --to alice@example.com</code>
          </p>
          <p>It appears here while it is on its way.</p>
        </>
      ) : (
        <>
          <h2>Nothing like that among the last {number(traffic.list.length)}.</h2>
          <p>
            New ones appear here as they come. For the past, <a href="#why">ask Why</a>.
          </p>
        </>
      )}
    </div>
  )
}
