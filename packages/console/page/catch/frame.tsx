/** The frame: head, list and reader, the keys, and what everybody has to know at once. */
import { useEffect, useState } from 'preact/hooks'
import { Dialog } from '../part/dialog.tsx'
import { Icon } from '../part/icon.tsx'
import { KeyList, type KeyRow } from '../part/key-list.tsx'
import { Trouble, Waiting } from '../part/state.tsx'
import { query } from '../state/api.ts'
import { useAsked } from '../state/asked.ts'
import { useKeys } from '../state/keys.ts'
import { useSteps } from '../state/steps.ts'
import { nextTheme, theme } from '../state/theme.ts'
import { said, tell } from '../state/toast.ts'
import { counted, number, timeOf } from '../word.ts'
import { List } from './list.tsx'
import type { Info, Listed } from './mail.ts'
import { Reader } from './reader.tsx'
import { act, dropped, go, lostSince, news, place } from './state.ts'

/** Messages that are asked for at a time; at the end of the list there are more. */
const STEP = 100

/** All of it. */
export function Frame() {
  const { q, id } = place.value
  const [limit, setLimit] = useState(STEP)
  const [open, setOpen] = useState<'keys' | 'delete' | undefined>(undefined)
  const path = q.trim() === '' ? `api/v1/messages${query({ limit })}` : `api/v1/search${query({ query: q, limit })}`
  const { answer, isCurrent, problem, again, isAsking } = useAsked<Listed>(path)
  const { answer: info } = useAsked<Info>('api/v1/info')
  useEffect(() => {
    if (news.value > 0) again()
  }, [news.value])
  useEffect(() => {
    document.title = answer?.unread ? `(${number(answer.unread)}) Postroad catch` : 'Postroad catch'
  }, [answer?.unread])
  const mails = answer?.messages ?? []
  const at = mails.findIndex((one) => one.ID === id)
  const step = useSteps({
    ids: answer === undefined && isAsking ? undefined : mails.map((one) => one.ID),
    chosen: id,
    choose: (one) => go({ q, id: one }, id !== undefined),
  })
  useKeys({
    j: () => step(1),
    ArrowDown: () => step(1),
    k: () => step(-1),
    ArrowUp: () => step(-1),
    '/': () => document.querySelector<HTMLInputElement>('[data-search]')?.focus(),
    Escape: () => go({ q: id === undefined ? '' : q, id: undefined }),
    t: nextTheme,
    D: () => isCurrent && mails.length > 0 && setOpen('delete'),
    '?': () => setOpen('keys'),
  })
  /** After it was deleted: the next one. */
  const gone = (): void => {
    // Who has gone on meanwhile stays where they are.
    if (place.value.id === id && place.value.q === q) go({ q, id: (mails[at + 1] ?? mails[at - 1])?.ID }, true)
    again()
  }
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the messages
      </button>
      <header class="top">
        <a class="brand" href="./">
          <Icon id="i-road" />
          <b>Postroad</b>
          <span class="host">catch</span>
        </a>
        <p class={`health${lostSince.value === undefined ? '' : ' lost'}`}>
          <i class="dot" aria-hidden="true" />
          {lostSince.value === undefined ? (info?.Postroad.Mail ?? 'running') : 'no answer'}
        </p>
        {info !== undefined && info.Postroad.Rules.length > 0 && (
          <span class="say defer" title={info.Postroad.Rules.join('\n')}>
            <Icon id="g-defer" />
            strict
          </span>
        )}
        <button
          class="icon"
          type="button"
          aria-label={`Theme: ${theme.value || 'as the system'}`}
          title="Theme (t)"
          onClick={nextTheme}
        >
          <Icon id="i-theme" />
        </button>
        <button class="icon" type="button" aria-label="Keys" title="Keys (?)" onClick={() => setOpen('keys')}>
          ?
        </button>
      </header>
      {lostSince.value !== undefined && (
        <div class="trouble lost" role="alert">
          <Icon id="i-cut" />
          <p>
            <b>The server does not answer since {timeOf(lostSince.value)}.</b> What stands here is what was known then.
          </p>
        </div>
      )}
      <main id="main" tabIndex={-1}>
        <section class="screen split" aria-labelledby="h-catch">
          <h1 id="h-catch" class="vh">
            Caught messages
          </h1>
          <div class={`pane list${id !== undefined ? ' reading' : ''}`}>
            <div class="bar">
              <label class="search">
                <Icon id="i-why" />
                <span class="vh">Search</span>
                <input
                  type="search"
                  data-search
                  value={q}
                  placeholder="Search: from: to: subject: is:unread"
                  autocomplete="off"
                  spellcheck={false}
                  onInput={(event) => go({ q: event.currentTarget.value, id }, true)}
                />
                <kbd>/</kbd>
              </label>
            </div>
            <div class="bar counts">
              <p class="plainh" aria-live="polite">
                {answer === undefined ? '' : isCurrent ? inWords(answer, q) : 'Looking…'}
              </p>
              {dropped.value > 0 && <small>{number(dropped.value)} of the oldest had to go</small>}
              {isCurrent && mails.length > 0 && (
                <button type="button" class="btn small danger" onClick={() => setOpen('delete')}>
                  Delete {q.trim() === '' ? 'all' : 'these'}…
                </button>
              )}
            </div>
            <Trouble problem={problem} again={again} />
            {answer === undefined && isAsking && <Waiting />}
            {mails.length > 0 && <List mails={mails} shown={id} choose={(one) => go({ q, id: one })} />}
            {isCurrent && mails.length === 0 && <Nothing q={q} mail={info?.Postroad.Mail ?? '127.0.0.1:1025'} />}
            {isCurrent && answer !== undefined && answer.messages_count > mails.length && (
              <button type="button" class="btn more" onClick={() => setLimit(limit + STEP)}>
                More
              </button>
            )}
          </div>
          {id === undefined ? (
            <article class="reader">
              <div class="empty">
                <Icon id="i-quarantine" />
                <h2>{mails.length === 0 ? 'Mail is read here.' : 'Choose a message.'}</h2>
                <p>
                  <kbd>j</kbd> <kbd>k</kbd> go through the list, <kbd>?</kbd> shows all keys.
                </p>
              </div>
            </article>
          ) : (
            <Reader key={id} id={id} back={() => go({ q, id: undefined })} gone={gone} />
          )}
        </section>
      </main>
      {open === 'keys' && (
        <KeyList rows={KEYS} close={() => setOpen(undefined)}>
          <p class="note who-asks">{info === undefined ? '' : `Postroad catch ${info.Version}`}</p>
        </KeyList>
      )}
      {open === 'delete' && (
        <DeleteAll
          q={q}
          count={answer?.messages_count ?? 0}
          close={() => setOpen(undefined)}
          done={() => {
            go({ q: '', id: undefined }, true)
            again()
          }}
        />
      )}
      <p id="live" role="status" class={said.value.isOn ? 'on' : ''}>
        {said.value.text}
      </p>
    </>
  )
}

function inWords({ total, unread, messages_count }: Listed, q: string): string {
  if (q.trim() !== '') return `${number(messages_count)} of ${counted(total, 'message')}`
  return `${counted(total, 'message')}${unread > 0 ? `, ${number(unread)} unread` : ''}`
}

function Nothing({ q, mail }: { q: string; mail: string }) {
  if (q.trim() !== '') return <p class="note none">Nothing has “{q}”.</p>
  return (
    <div class="empty">
      <h2>Nothing was caught yet.</h2>
      <p>
        Let your program send by SMTP to <code>{mail}</code>, with any login or none. Whoever a message is for, it comes
        here and goes nowhere else.
      </p>
    </div>
  )
}

function DeleteAll({ q, count, close, done }: { q: string; count: number; close: () => void; done: () => void }) {
  const remove = async (): Promise<void> => {
    close()
    try {
      if (q.trim() === '') await act('DELETE', 'api/v1/messages', {})
      else await act('DELETE', `api/v1/search${query({ query: q })}`, {})
      tell(`${counted(count, 'message')} deleted.`)
      done()
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <Dialog label="Delete" close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void remove()
        }}
      >
        <h2>
          Delete {counted(count, 'message')}
          {q.trim() === '' ? '' : ` that have “${q}”`}?
        </h2>
        <div class="acts">
          <button type="button" class="btn" onClick={close}>
            Leave them<kbd>Esc</kbd>
          </button>
          <button type="submit" class="btn primary danger">
            Delete
          </button>
        </div>
      </form>
    </Dialog>
  )
}

const KEYS: readonly KeyRow[] = [
  [['/'], 'search'],
  [['j', 'k'], 'next, previous message'],
  [['1', '5'], 'HTML, text, headers, source, checks'],
  [['u'], 'mark as unread'],
  [['d'], 'delete'],
  [['D'], 'delete all, after a question'],
  [['t'], 'as the system, light, dark'],
  [['Esc'], 'back to the list'],
]
