/** One story: the records of one mail, joined. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useState } from 'preact/hooks'
import { Tree, thresholdsOf } from '../now/panel.tsx'
import { Path } from '../part/address.tsx'
import { Meter } from '../part/meter.tsx'
import { cssOf, Say } from '../part/opinion.tsx'
import { Sentence } from '../part/sentence.tsx'
import { Empty, Trouble, Waiting } from '../part/state.tsx'
import { Visible } from '../part/visible.tsx'
import { useAsked } from '../state/asked.ts'
import { useKeys } from '../state/keys.ts'
import { copy } from '../state/toast.ts'
import { ageOf, dayOf, exactTimeOf, timeOf } from '../word.ts'
import { Facts } from './facts.tsx'
import { Json } from './json.tsx'
import { TryToday } from './try-today.tsx'

type Told = ApiAnswer<'story'>
type Step = ApiShape<'step'>

/** From here on the time between two steps is a step of its own, in milliseconds. */
const GAP_MS = 10_000

/** By the id of one of its transactions; `known` of it is shown until the story is there. */
export function Story({ id, known }: { id: string; known?: ApiShape<'row'> | undefined }) {
  const path = encodeURIComponent(id)
  const story = useAsked<Told>(`v1/stories/${path}`, 0)
  const [chosen, setChosen] = useState(id)
  const one = useAsked<ApiAnswer<'transaction'>>(`v1/transactions/${encodeURIComponent(chosen)}`)
  const record = one.answer?.record
  useKeys({ c: () => record && copy(JSON.stringify(record), 'the canonical record') })
  if (story.problem?.status === 404 && one.problem?.status === 404)
    return (
      <Empty
        icon="i-why"
        title={
          <>
            Nothing is known of{' '}
            <code>
              <Visible text={id} />
            </code>
            .
          </>
        }
      >
        <p>Its records may have been dropped: they are kept for some days and some space, whichever ends first.</p>
      </Empty>
    )
  const told = story.answer
  const rows = told?.transactions ?? (one.answer === undefined ? [] : [one.answer.row])
  const outcomes = outcomesOf(rows, told)
  const [first, last] = [told?.steps[0]?.at ?? rows[0]?.at, told?.steps.at(-1)?.at ?? rows.at(-1)?.at]
  const sentence = told?.sentence ?? one.answer?.sentence
  if (sentence === undefined)
    return (
      <>
        <Trouble problem={story.problem ?? one.problem} again={story.again} />
        {known === undefined ? <Waiting /> : <First row={known} />}
      </>
    )
  return (
    <div id="answer">
      <article class="story">
        <p class="eyebrow">
          {outcomes.map((kind, n) => (
            <>
              {n > 0 && 'then'} <Say kind={kind} />
            </>
          ))}
          {told?.finished === false && <span>not over yet</span>}
          {first !== undefined && (
            <time>
              {dayOf(first)} {timeOf(first)}
              {last !== undefined &&
                last - first >= 1_000 &&
                ` to ${dayOf(last) === dayOf(first) ? '' : `${dayOf(last)} `}${timeOf(last)}`}
            </time>
          )}
        </p>
        <h2>
          <Sentence parts={sentence} />
        </h2>
      </article>
      <Trouble
        problem={story.problem?.status === 404 ? undefined : (story.problem ?? one.problem)}
        again={story.again}
      />
      <div class="cols">
        <section aria-labelledby="h-line">
          <h3 id="h-line">What happened</h3>
          <Line steps={told?.steps ?? []} rows={rows} chosen={chosen} choose={setChosen} answer={one.answer} />
        </section>
        <aside class="facts" aria-label="Facts">
          <h3>Facts</h3>
          <Facts record={record} row={one.answer?.row} />
          {one.answer !== undefined && (one.answer.row.points !== 0 || (one.answer.thresholds?.length ?? 0) > 0) && (
            <>
              <h3>Points</h3>
              <p class="points-said">{one.answer.row.points}</p>
              <Meter points={one.answer.row.points} thresholds={thresholdsOf(one.answer)} />
            </>
          )}
          <TryToday answer={one.answer} />
        </aside>
      </div>
      {record !== undefined && (
        <details class="raw">
          <summary>
            Canonical record <small>what was logged, field by field</small>
          </summary>
          <button type="button" class="btn small" onClick={() => copy(JSON.stringify(record), 'the canonical record')}>
            Copy <kbd>c</kbd>
          </button>
          <Json value={record} />
        </details>
      )}
    </div>
  )
}

/** What the search has said already. */
function First({ row }: { row: ApiShape<'row'> }) {
  return (
    <div id="answer" aria-busy="true">
      <article class="story">
        <p class="eyebrow">
          <Say kind={row.outcome} />
          <time>
            {dayOf(row.at)} {timeOf(row.at)}
          </time>
        </p>
        <h2>
          {row.from === undefined ? (
            <code>{row.remote}</code>
          ) : (
            <Path from={row.from} to={row.to} more={row.recipients - row.to.length} />
          )}
          :{' '}
          <b class={cssOf(row.outcome)}>
            <Visible text={row.reply} />
          </b>
        </h2>
      </article>
    </div>
  )
}

function outcomesOf(rows: readonly ApiShape<'row'>[], told: Told | undefined): string[] {
  const list: string[] = rows.toSorted((a, b) => a.at - b.at).map(({ outcome }) => outcome)
  for (const { kind } of told?.steps ?? [])
    if (kind !== 'transaction' && kind !== 'queued' && list.at(-1) !== kind) list.push(kind)
  const [final] = list.slice(-1)
  // What was accepted and delivered is told as delivered.
  const short = list.filter((kind, n) => !(kind === 'accepted' && n < list.length - 1 && final === 'delivered'))
  return short.filter((kind, n) => kind !== short[n - 1]).slice(-4)
}

function Line({
  steps,
  rows,
  chosen,
  choose,
  answer,
}: {
  steps: readonly Step[]
  rows: readonly ApiShape<'row'>[]
  chosen: string
  choose: (id: string) => void
  answer: ApiAnswer<'transaction'> | undefined
}) {
  const list: readonly Step[] =
    steps.length > 0
      ? steps
      : rows.map((row) => ({
          at: row.at,
          kind: 'transaction' as const,
          sentence: [],
          transaction: row.id,
          reply: row.reply,
        }))
  return (
    <ol class="line">
      {list.map((step, n) => {
        const before = list[n - 1]
        const waited = before === undefined ? 0 : step.at - before.at
        const row = rows.find(({ id }) => id === step.transaction)
        const css = row === undefined ? cssOf(step.kind) : cssOf(row.outcome)
        const isChosen = step.transaction !== undefined && step.transaction === chosen
        return (
          <>
            {waited >= GAP_MS && (
              <li class="gap">
                <time>{ageOf(waited)}</time>
                <div>
                  {step.kind === 'transaction' ? 'The client waits, outside of our sight.' : 'It waits in the queue.'}
                </div>
              </li>
            )}
            <li class={`${css}${n === list.length - 1 && !isChosen ? ' end' : ''}`}>
              <time>{exactTimeOf(step.at)}</time>
              <div>
                <Sentence parts={step.sentence} />
                {step.reply !== undefined && (
                  <p class="said">
                    <code>
                      <Visible text={step.reply} />
                    </code>
                    {step.host !== undefined && (
                      <span>
                        {' '}
                        said <bdi dir="ltr">{step.host}</bdi>
                      </span>
                    )}
                  </p>
                )}
                {step.transaction !== undefined && !isChosen && (
                  <button type="button" class="link" onClick={() => choose(step.transaction ?? chosen)}>
                    Its opinions
                  </button>
                )}
              </div>
            </li>
            {isChosen && answer !== undefined && answer.row.id === chosen && (
              <li class={`within${n === list.length - 1 ? ' end' : ''}`}>
                <time />
                <div>
                  <Tree isBrief cells={undefined} record={answer.record} stages={[]} />
                  {answer.failures?.map(({ plugin, hook, text }) => (
                    <p class="failure">
                      <Say kind="failed" word={`${plugin} at ${hook}`} /> <Visible text={text} />
                    </p>
                  ))}
                </div>
              </li>
            )}
          </>
        )
      })}
    </ol>
  )
}
