/** Queue: what waits, for whom, and why it is slow. Nothing is done to more than one message without a preview. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useState } from 'preact/hooks'
import { Icon } from '../part/icon.tsx'
import { Empty, Trouble, Waiting } from '../part/state.tsx'
import { Detail } from '../queue/detail.tsx'
import { Jobs } from '../queue/jobs.tsx'
import { Messages } from '../queue/messages.tsx'
import { Preview, type QueueAction, type QueueFilter } from '../queue/preview.tsx'
import { Sites, siteName } from '../queue/sites.tsx'
import { Suspend } from '../queue/suspend.tsx'
import { post } from '../state/api.ts'
import { useAsked } from '../state/asked.ts'
import { useKeys } from '../state/keys.ts'
import { go, place } from '../state/route.ts'
import { may } from '../state/session.ts'
import { useSteps } from '../state/steps.ts'
import { tell } from '../state/toast.ts'
import { ageOf, counted, number, octets, plural } from '../word.ts'

type Queued = ApiAnswer<'sites'>

/** Milliseconds between two questions. */
const EVERY_MS = 5_000

/** The screen. */
export function Queue() {
  const { answer, problem, again, isAsking } = useAsked<Queued>('v1/queue/sites', EVERY_MS)
  const { site: chosen, find = '' } = place.value.values
  const [action, setAction] = useState<{ readonly action: QueueAction; readonly filter: QueueFilter } | undefined>(
    undefined,
  )
  const [isSuspending, setSuspending] = useState(false)
  const sites = answer?.sites.toSorted((a, b) => b.messages - a.messages) ?? []
  const site = sites.find((one) => one.site === chosen) ?? sites[0]
  const filter: QueueFilter | undefined =
    find !== '' ? filterOf(find) : site === undefined ? undefined : { site: site.site }
  const start = (name: QueueAction): void => {
    if (filter !== undefined && may('queueAction')) setAction({ action: name, filter })
  }
  const step = useSteps({
    ids: answer === undefined && isAsking ? undefined : sites.map((one) => one.site),
    chosen: site?.site,
    choose: (one) => go('queue', { site: one }, true),
  })
  useKeys({
    j: () => step(1),
    ArrowDown: () => step(1),
    k: () => step(-1),
    ArrowUp: () => step(-1),
    r: () => start('retry'),
    h: () => start('hold'),
    d: () => start('delete'),
    Escape: () => find !== '' && go('queue', { site: chosen }, true),
  })
  const resume = async (target: string): Promise<void> => {
    try {
      await post(`v1/suspensions/${encodeURIComponent(target)}`, {}, { method: 'DELETE' })
      tell(`${target} goes on.`)
      again()
    } catch (error) {
      tell(String(error instanceof Error ? error.message : error))
    }
  }
  return (
    <section class="screen page" aria-labelledby="h-queue">
      <Trouble problem={problem} again={again} />
      <header class="lede">
        <h1 id="h-queue">{answer === undefined ? 'Queue' : <Lede answer={answer} sites={sites} />}</h1>
        {answer !== undefined && <Stats answer={answer} />}
      </header>
      {answer === undefined && isAsking && <Waiting />}
      <Jobs again={again} />
      {answer !== undefined && answer.messages === 0 && sites.length === 0 ? (
        <Empty icon="i-queue" title="Nothing waits.">
          <p>
            What was accepted has left for its destination. What cannot leave at once stands here, with what the other
            side said.
          </p>
        </Empty>
      ) : (
        answer !== undefined && (
          <>
            <Find value={find} />
            {find === '' ? (
              <Sites
                sites={sites}
                bounds={answer.bounds}
                chosen={site?.site}
                choose={(one) => go('queue', { site: one }, true)}
              />
            ) : (
              <Messages filter={filter ?? {}} title={`Messages with “${find}”`} />
            )}
            {filter !== undefined && (may('queueAction') || may('suspend')) && (
              <div class="actions" role="toolbar" aria-label="Actions on what is chosen">
                <p>
                  {find === '' && site !== undefined ? (
                    <>
                      <b>
                        <bdi dir="ltr">{siteName(site.site)}</bdi>
                      </b>
                      , {counted(site.messages, 'message')}
                    </>
                  ) : (
                    <>
                      All with <b>{find}</b>
                    </>
                  )}
                </p>
                {may('queueAction') && (
                  <>
                    <button type="button" class="btn" onClick={() => start('retry')}>
                      Retry now<kbd>r</kbd>
                    </button>
                    <button type="button" class="btn" onClick={() => start('hold')}>
                      Hold…<kbd>h</kbd>
                    </button>
                    {(find !== '' || (site?.held ?? 0) > 0) && (
                      <button type="button" class="btn" onClick={() => start('release')}>
                        Release held…
                      </button>
                    )}
                  </>
                )}
                {find === '' &&
                  site !== undefined &&
                  may('suspend') &&
                  (site.suspended === undefined ? (
                    <button type="button" class="btn" onClick={() => setSuspending(true)}>
                      Suspend…
                    </button>
                  ) : (
                    <button type="button" class="btn" onClick={() => site.suspended && resume(site.suspended.target)}>
                      Resume
                    </button>
                  ))}
                {may('queueAction') && (
                  <>
                    <button type="button" class="btn" onClick={() => start('reroute')}>
                      Reroute…
                    </button>
                    <button type="button" class="btn danger" onClick={() => start('bounce')}>
                      Bounce…
                    </button>
                    <button type="button" class="btn danger" onClick={() => start('delete')}>
                      Delete…
                    </button>
                  </>
                )}
              </div>
            )}
            {find === '' && site !== undefined && <Detail key={site.site} site={site} />}
          </>
        )
      )}
      {action !== undefined && (
        <Preview
          {...action}
          close={() => {
            setAction(undefined)
            again()
          }}
        />
      )}
      {isSuspending && site !== undefined && (
        <Suspend
          site={site}
          close={() => {
            setSuspending(false)
            again()
          }}
        />
      )}
    </section>
  )
}

/** `from:x`, `reason:x`, `older:2h`; everything else is a part of a recipient. */
export function filterOf(text: string): QueueFilter {
  const filter: Record<string, string> = {}
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const [, key = 'to', value = ''] = /^(?:(from|to|reason|domain|state):)?(.*)$/.exec(word) ?? []
    filter[key] = filter[key] === undefined ? value : `${filter[key]} ${value}`
  }
  return filter
}

function Find({ value }: { value: string }) {
  return (
    <label class="search find">
      <Icon id="i-why" />
      <span class="vh">Find messages in the queue</span>
      <input
        type="search"
        data-search
        value={value}
        placeholder="Find in the queue: bob@   from:news@   reason:4.7.0"
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => go('queue', { ...place.value.values, find: event.currentTarget.value }, true)}
      />
      <kbd>/</kbd>
    </label>
  )
}

/** The sentence: how many, most for whom, and what that one said. Made of what the answer has, and of nothing else. */
function Lede({ answer, sites }: { answer: Queued; sites: readonly ApiShape<'site'>[] }) {
  const [most] = sites
  const stopped = sites.filter(({ suspended }) => suspended !== undefined).length
  const isLate = most?.lastReply !== undefined && most.lastReply.code >= 400
  const isMost = most !== undefined && sites.length > 1 && most.messages > answer.messages / 3
  return (
    <>
      <b>{number(answer.messages)}</b> {plural(answer.messages, 'message waits', 'messages wait')}
      {isMost && (
        <>
          , most for{' '}
          <b>
            <bdi dir="ltr">{siteName(most.site)}</bdi>
          </b>
        </>
      )}
      {isMost && isLate && most.lastReply !== undefined && (
        <>
          , which answered <code>{[most.lastReply.code, most.lastReply.status].filter(Boolean).join(' ')}</code>{' '}
          {ageOf(Date.now() - most.lastReply.at)} ago
        </>
      )}
      . {stopped > 0 && `${counted(stopped, 'destination')} ${plural(stopped, 'is', 'are')} suspended. `}
      {!answer.complete && 'Only the oldest part was counted. '}
    </>
  )
}

function Stats({ answer }: { answer: Queued }) {
  const held = answer.sites.reduce((sum, site) => sum + site.held, 0)
  const recipients = answer.sites.reduce((sum, site) => sum + site.recipients, 0)
  const open = answer.sites.reduce<number | undefined>(
    (sum, { connections }) => (connections === undefined ? sum : (sum ?? 0) + connections.open),
    undefined,
  )
  return (
    <dl class="stats">
      <Stat word="Recipients">{number(recipients)}</Stat>
      {open !== undefined && <Stat word="Connections">{number(open)}</Stat>}
      <Stat word="Held">{number(held)}</Stat>
      <Stat word="Damaged">{answer.corrupt > 0 ? <span class="reject">{number(answer.corrupt)}</span> : '0'}</Stat>
      {answer.freeOctets !== undefined && <Stat word="Free">{octets(answer.freeOctets)}</Stat>}
    </dl>
  )
}

function Stat({ word, children }: { word: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{word}</dt>
      <dd>{children}</dd>
    </div>
  )
}
