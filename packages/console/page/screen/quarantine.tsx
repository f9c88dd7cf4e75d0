/** Quarantine: what was set aside, and one of it to read without danger. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Path } from '../part/address.tsx'
import { Icon } from '../part/icon.tsx'
import { Say } from '../part/opinion.tsx'
import { Trouble, Waiting } from '../part/state.tsx'
import { Visible } from '../part/visible.tsx'
import { Many, type ManyAction } from '../quarantine/many.tsx'
import { Reader } from '../quarantine/reader.tsx'
import { reasonOf } from '../quarantine/reason.ts'
import { query } from '../state/api.ts'
import { useAsked } from '../state/asked.ts'
import { useKeys } from '../state/keys.ts'
import { go, place } from '../state/route.ts'
import { may } from '../state/session.ts'
import { useSteps } from '../state/steps.ts'
import { counted, number, whenOf } from '../word.ts'

/** Mails that are asked for at a time; at the end of the list there are more. */
const STEP = 100

/** The screen. */
export function Quarantine() {
  const { q = '', id } = place.value.values
  const [limit, setLimit] = useState(STEP)
  const [many, setMany] = useState<ManyAction | undefined>(undefined)
  const { answer, isCurrent, problem, again, isAsking } = useAsked<ApiAnswer<'quarantine'>>(
    `v1/quarantine${query({ q, limit })}`,
    10_000,
  )
  const items = answer?.items ?? []
  const isPhone = matchMedia('(max-width: 720px)').matches
  const shown = id ?? (isPhone ? undefined : items[0]?.id)
  const at = items.findIndex((one) => one.id === shown)
  const step = useSteps({
    ids: answer === undefined && isAsking ? undefined : items.map((one) => one.id),
    chosen: shown,
    choose: (one) => go('quarantine', { q, id: one }, true),
  })
  /** After something was done with it: the next one, and the list anew. */
  const next = (): void => {
    const now = place.value
    // Who has gone on meanwhile stays where they are.
    if (now.screen === 'quarantine' && (now.values['id'] ?? shown) === shown) {
      const to = items[at + 1] ?? items[at - 1]
      go('quarantine', { q, id: to?.id }, true)
    }
    again()
  }
  useKeys({
    j: () => step(1),
    ArrowDown: () => step(1),
    k: () => step(-1),
    ArrowUp: () => step(-1),
    Escape: () => go('quarantine', { q }, true),
  })
  const isEmpty = answer !== undefined && items.length === 0 && q === ''
  return (
    <section class="screen split" aria-labelledby="h-quarantine">
      <h1 id="h-quarantine" class="vh">
        Quarantine
      </h1>
      {isEmpty ? (
        <div class="empty fill">
          <Icon id="i-quarantine" />
          <h2>Nothing is in quarantine.</h2>
          <p>What plugins set aside, or what comes to enough points, is kept here and can be read without danger.</p>
        </div>
      ) : (
        <>
          <div class={`pane list${id !== undefined ? ' reading' : ''}`}>
            <div class="bar">
              <p class="plainh">{answer === undefined ? '' : counted(answer.total, 'message')}</p>
              <label class="search">
                <Icon id="i-why" />
                <span class="vh">Search the quarantine</span>
                <input
                  type="search"
                  data-search
                  value={q}
                  placeholder="Search"
                  autocomplete="off"
                  spellcheck={false}
                  onInput={(event) => go('quarantine', { q: event.currentTarget.value }, true)}
                />
                <kbd>/</kbd>
              </label>
            </div>
            <Trouble problem={problem} again={again} />
            {answer === undefined && isAsking && <Waiting />}
            {q !== '' && isCurrent && items.length > 0 && may('quarantineAction') && (
              <div class="bar many">
                <button type="button" class="btn small" onClick={() => setMany('release')}>
                  Release all {number(answer?.total ?? 0)}…
                </button>
                <button type="button" class="btn small danger" onClick={() => setMany('delete')}>
                  Delete all {number(answer?.total ?? 0)}…
                </button>
              </div>
            )}
            <List items={items} shown={shown} choose={(one) => go('quarantine', { q, id: one }, true)} />
            {isCurrent && items.length === 0 && <p class="note none">Nothing in quarantine has “{q}”.</p>}
            {answer?.next !== undefined && (
              <button type="button" class="btn more" onClick={() => setLimit(limit + STEP)}>
                More
              </button>
            )}
          </div>
          {shown === undefined || answer === undefined ? (
            <article class="reader" />
          ) : (
            <Reader
              key={shown}
              id={shown}
              kept={items.find((one) => one.id === shown)}
              canRelease={answer.canRelease}
              canLearn={answer.canLearn}
              isOpen={id !== undefined}
              back={() => go('quarantine', { q }, true)}
              done={next}
            />
          )}
        </>
      )}
      {many !== undefined && (
        <Many
          action={many}
          q={q}
          close={() => {
            setMany(undefined)
            again()
          }}
        />
      )}
    </section>
  )
}

function List({
  items,
  shown,
  choose,
}: {
  items: readonly ApiShape<'kept'>[]
  shown: string | undefined
  choose: (id: string) => void
}) {
  const list = useRef<HTMLDivElement>(null)
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' })
  }, [shown])
  return (
    <div
      class="mails"
      role="listbox"
      aria-label="Messages set aside"
      tabIndex={0}
      ref={list}
      {...(shown !== undefined && { 'aria-activedescendant': `kept-${shown}` })}
    >
      {items.map((mail) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the focus is the list's, and so are the keys
        <div
          role="option"
          class="mail"
          id={`kept-${mail.id}`}
          aria-selected={mail.id === shown}
          onClick={() => choose(mail.id)}
        >
          <div class="sub" dir="auto">
            {mail.subject === undefined || mail.subject === '' ? (
              <span class="shadow">no subject</span>
            ) : (
              <Visible text={mail.subject} />
            )}
          </div>
          <div class="t">{whenOf(mail.at)}</div>
          <div class="who">
            <Path from={mail.from} to={mail.to} />
          </div>
          <div class="because">
            <Say kind="quarantined" word={mail.points > 0 ? `${Math.round(mail.points * 10) / 10} points` : 'rule'} />
            <span>
              <Visible text={reasonOf(mail)} />
            </span>
          </div>
        </div>
      ))}
    </div>
  )
}
