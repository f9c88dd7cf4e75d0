/** Why: one field, and the answer is a story. A sentence first, then what happened, then the record. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Path } from '../part/address.tsx'
import { Icon } from '../part/icon.tsx'
import { cssOf, Say } from '../part/opinion.tsx'
import { Empty, Trouble, Waiting } from '../part/state.tsx'
import { Visible } from '../part/visible.tsx'
import { query } from '../state/api.ts'
import { useAsked } from '../state/asked.ts'
import { useKeys } from '../state/keys.ts'
import { go, linkTo, place } from '../state/route.ts'
import { useSteps } from '../state/steps.ts'
import { Story } from '../why/story.tsx'
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
  const found = useAsked<Found>(
    id === undefined || q !== ''
      ? `v1/transactions${query({ q, limit: q === '' ? 12 : LIMIT, outcome: q === '' ? 'refused' : undefined })}`
      : undefined,
  )
  const items = found.answer?.items ?? []
  const shown = id ?? (q === '' ? undefined : items[0]?.id)
  const step = useSteps({
    ids: found.answer === undefined && found.isAsking ? undefined : items.map((row) => row.id),
    chosen: shown,
    choose: (one) => go('why', { q, id: one }, true),
  })
  useKeys({ j: () => step(1), k: () => step(-1), Escape: () => (id === undefined ? undefined : go('why', { q })) })
  const ask = (event: SubmitEvent): void => {
    event.preventDefault()
    field.current?.blur()
    go('why', { q: text.trim() })
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
        <Hints found={found.answer} ms={found.ms} q={q} />
      </form>
      <Trouble problem={found.problem} again={found.again} />
      {q === '' && id === undefined ? (
        <Lately rows={items} isAsking={found.isAsking} />
      ) : (
        <>
          {items.length > 1 && <Results rows={items} shown={shown} q={q} more={found.answer?.next !== undefined} />}
          {shown !== undefined && <Story key={shown} id={shown} />}
          {found.answer !== undefined && items.length === 0 && <Nothing q={q} kept={found.answer.kept} />}
          {found.answer === undefined && found.isAsking && shown === undefined && <Waiting />}
        </>
      )}
    </section>
  )
}

/** How much there is to search, and how long it took. */
function Hints({ found, ms, q }: { found: Found | undefined; ms: number; q: string }) {
  const kept = found?.kept
  return (
    <p class="hints">
      {kept !== undefined && (
        <>
          {kept.from !== undefined && `${ageOf(Date.now() - kept.from)}, `}
          {counted(kept.records, 'record')}.{' '}
        </>
      )}
      {found !== undefined && q !== '' && (
        <span class="num" data-ms={ms.toFixed(0)}>
          {found.items.length === 0
            ? 'Nothing found'
            : `${number(found.items.length)}${found.next === undefined ? '' : ' and more'} found`}{' '}
          in {took(Math.round(found.tookMs * 10) / 10)}.
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
          or the id at the end of a reply.
        </>
      )}
    </p>
  )
}

/** Everything that fits, newest first; the chosen one is told below. */
function Results({
  rows,
  shown,
  q,
  more,
}: {
  rows: readonly ApiShape<'row'>[]
  shown: string | undefined
  q: string
  more: boolean
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
      {more && <p class="note">Only the newest {number(rows.length)}: another word narrows it.</p>}
    </nav>
  )
}

function RowLine({ row }: { row: ApiShape<'row'> }) {
  const [code = '', ...rest] = row.reply.split(' ')
  return (
    <>
      <time>
        {dayOf(row.at)} {timeOf(row.at).slice(0, 5)}
      </time>
      <Say kind={row.outcome} />
      <span class="who">
        {row.from === undefined ? (
          <code>{row.remote}</code>
        ) : (
          <Path from={row.from} to={row.to} more={row.recipients - row.to.length} />
        )}
      </span>
      <span class="rep">
        <b class={cssOf(row.outcome)}>{code}</b>
        <bdi>
          <Visible text={row.outcome === 'accepted' ? (row.subject ?? rest.join(' ')) : rest.join(' ')} />
        </bdi>
      </span>
    </>
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
