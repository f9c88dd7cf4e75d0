/** Why: one field, and the answer is a story. A sentence first, then what happened, then the record. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { Icon } from '../part/icon.tsx'
import { Empty, Trouble, Waiting } from '../part/state.tsx'
import { Visible } from '../part/visible.tsx'
import { useKeys } from '../state/keys.ts'
import { go, linkTo, place } from '../state/route.ts'
import { useSteps } from '../state/steps.ts'
import { RowLine } from '../why/row-line.tsx'
import { type Search, useSearch } from '../why/search.ts'
import { Story } from '../why/story.tsx'
import { type AskedWhen, whenIn } from '../why/when.ts'
import { ageOf, counted, dayOf, number, plural, timeOf, took } from '../word.ts'

type Found = ApiAnswer<'transactions'>

/** Rows that are asked for at a time. */
const LIMIT = 50

/** The screen. */
export function Why() {
  const { q = '', id } = place.value.values
  const [text, setText] = useState(q || (id ?? ''))
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => setText(q || (id ?? '')), [q, id])
  const when = useMemo(() => whenIn(q), [q])
  const found = useSearch(
    id === undefined || q !== ''
      ? { ...when, limit: q === '' ? 12 : LIMIT, outcome: q === '' ? 'refused' : undefined }
      : undefined,
  )
  const { items } = found
  const shown = id ?? (q === '' ? undefined : items[0]?.id)
  const step = useSteps({
    ids: found.answer === undefined && found.problem === undefined ? undefined : items.map((row) => row.id),
    chosen: shown,
    choose: (one) => go('why', { q, id: one }, true),
  })
  useKeys({ j: () => step(1), k: () => step(-1), Escape: () => (id === undefined ? undefined : go('why', { q })) })
  const ask = (event: SubmitEvent): void => {
    event.preventDefault()
    field.current?.blur()
    // The same once more is a question, too: it may have come meanwhile.
    if (text.trim() === q && id === undefined) found.again()
    else go('why', { q: text.trim() })
  }
  return (
    <section class="screen page narrow" aria-labelledby="h-why">
      <h1 id="h-why" class="vh">
        Why
      </h1>
      <form class="ask" role="search" onSubmit={ask}>
        <label class="search big">
          <Icon id="i-why" />
          <span class="vh">Address, domain, client, id, Message-ID, or words of the reply</span>
          <input
            ref={field}
            type="search"
            data-search
            value={text}
            placeholder="Address, domain, client, id, Message-ID, or words of the reply"
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <kbd>/</kbd>
        </label>
        <Hints found={found} q={q} when={when} />
      </form>
      <Trouble problem={found.problem} again={found.again} />
      {q === '' && id === undefined ? (
        <Lately rows={items} isAsking={found.isAsking} />
      ) : (
        <>
          {items.length > 1 && <Results rows={items} shown={shown} q={q} found={found} />}
          {shown !== undefined && <Story key={shown} id={shown} known={items.find((row) => row.id === shown)} />}
          {items.length === 0 && found.answer !== undefined && found.more === undefined && (
            <Nothing q={q} kept={found.kept} />
          )}
          {found.isAsking && shown === undefined && <Waiting />}
        </>
      )}
    </section>
  )
}

/** How much there is to search, how far it was looked at, and how long it took. */
function Hints({ found: { answer, kept, items, ms, more }, q, when }: { found: Search; q: string; when: AskedWhen }) {
  return (
    <p class="hints">
      {kept !== undefined && (
        <>
          {kept.from !== undefined && `${ageOf(Date.now() - kept.from)}, `}
          {counted(kept.records, 'record')}.{' '}
        </>
      )}
      {answer !== undefined && q !== '' && (
        <span class="num" data-ms={ms.toFixed(0)}>
          {items.length === 0
            ? more === undefined
              ? 'Nothing found'
              : 'Nothing found yet'
            : `${number(items.length)}${more === undefined ? '' : ' and more'} found`}
          {answer.until === undefined
            ? ` in ${took(Math.round(answer.tookMs * 10) / 10)}.`
            : `, looked back to ${minuteOf(answer.until)}.`}
          {when.from !== undefined &&
            when.to !== undefined &&
            ` From ${minuteOf(when.from)} to ${minuteOf(when.to + 1)}.`}
        </span>
      )}
      {q === '' && (
        <>
          All words have to fit:{' '}
          <button type="button" onClick={() => go('why', { q: '5xx' })}>
            5xx
          </button>{' '}
          <button type="button" onClick={() => go('why', { q: '4xx' })}>
            4xx
          </button>{' '}
          <button type="button" onClick={() => go('why', { q: dayWord() })}>
            {dayWord()}
          </button>{' '}
          <button type="button" onClick={() => go('why', { q: hourWord() })}>
            {hourWord()}
          </button>{' '}
          or the id at the end of a reply.
        </>
      )}
    </p>
  )
}

function minuteOf(time: number): string {
  return `${dayOf(time)} ${timeOf(time).slice(0, 5)}`
}

/** Today, as a question has it. */
function dayWord(): string {
  const now = new Date()
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, '0')).join('-')
}

/** The last hour that is over, and the one that is not. */
function hourWord(): string {
  const [end, begin] = [new Date(), new Date(Date.now() - 3_600_000)]
  return `${timeOf(begin.getTime()).slice(0, 2)}:00..${timeOf(end.getTime()).slice(0, 5)}`
}

/** Everything that fits, newest first; the chosen one is told below. */
function Results({
  rows,
  shown,
  q,
  found: { more, answer, isAsking },
}: {
  rows: readonly ApiShape<'row'>[]
  shown: string | undefined
  q: string
  found: Search
}) {
  return (
    <nav class="found" aria-label="Found">
      <ol>
        {rows.map((row) => (
          <li>
            <a href={linkTo('why', { q, id: row.id })} {...(row.id === shown && { 'aria-current': 'true' as const })}>
              <RowLine row={row} />
            </a>
          </li>
        ))}
      </ol>
      {(more || answer === undefined) && (
        <p class="note">
          The newest {number(rows.length)}. Another word narrows it, or{' '}
          <button type="button" class="plainbtn" disabled={isAsking} onClick={more}>
            show older ones
          </button>
          .
        </p>
      )}
    </nav>
  )
}

/** Before a question: what people ask about most. */
function Lately({ rows, isAsking }: { rows: readonly ApiShape<'row'>[]; isAsking: boolean }) {
  if (rows.length === 0)
    return isAsking ? (
      <Waiting />
    ) : (
      <Empty icon="i-why" title="Ask about a mail.">
        <p>
          Whose mail did not arrive? An address is enough; better is the id at the end of the reply that the sender got.
        </p>
      </Empty>
    )
  return (
    <section aria-labelledby="h-lately">
      <h2 id="h-lately" class="h">
        Lately refused
      </h2>
      <nav class="found lately" aria-label="Lately refused">
        <ol>
          {rows.map((row) => (
            <li>
              <a href={linkTo('why', { id: row.id })}>
                <RowLine row={row} />
              </a>
            </li>
          ))}
        </ol>
      </nav>
    </section>
  )
}

function Nothing({ q, kept }: { q: string; kept: Found['kept'] }) {
  return (
    <Empty
      icon="i-why"
      title={
        <>
          No record of{' '}
          <code>
            <Visible text={q} />
          </code>
          {kept?.from === undefined ? '' : ` in the last ${ageOf(Date.now() - kept.from)}`}.
        </>
      }
    >
      <p>
        Then it did not come to this server
        {kept?.from === undefined
          ? ''
          : `, or came before the records begin (${dayOf(kept.from)}, ${timeOf(kept.from).slice(0, 5)})`}
        . Ask the sender for the text their server got: the id at the end of our {plural(1, 'reply', 'replies')} is
        enough to find it.
      </p>
    </Empty>
  )
}
