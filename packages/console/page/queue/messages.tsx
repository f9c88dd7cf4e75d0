/** Messages of the queue, oldest first; a click shows every attempt. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useState } from 'preact/hooks'
import { Path } from '../part/address.tsx'
import { Dialog } from '../part/dialog.tsx'
import { Say } from '../part/opinion.tsx'
import { Trouble, Waiting } from '../part/state.tsx'
import { Visible } from '../part/visible.tsx'
import { query } from '../state/api.ts'
import { useAsked } from '../state/asked.ts'
import { linkTo } from '../state/route.ts'
import { ageOf, counted, octets, timeOf, whenOf } from '../word.ts'
import type { QueueFilter } from './preview.tsx'

/** Messages that are asked for at a time. */
const LIMIT = 12

/** The list. */
export function Messages({ filter, title }: { filter: QueueFilter; title: string }) {
  const { ids: _ids, all: _all, ...plain } = filter
  const { isCurrent, problem, again, ...asked } = useAsked<ApiAnswer<'messages'>>(
    `v1/queue/messages${query({ ...(plain as Record<string, string | number | undefined>), limit: LIMIT })}`,
    5_000,
  )
  // Those of another site do not stand under the name of this one.
  const answer = isCurrent ? asked.answer : undefined
  const [open, setOpen] = useState<string | undefined>(undefined)
  return (
    <>
      <h2>{title}</h2>
      <Trouble problem={problem} again={again} />
      {answer !== undefined && answer.items.length === 0 && <p class="note">None.</p>}
      {answer !== undefined && answer.items.length > 0 && (
        <ul class="sample">
          {answer.items.map((row) => (
            <li>
              <button type="button" class="plainbtn who" onClick={() => setOpen(row.id)}>
                <QueuedPath row={row} />
              </button>
              {row.states.includes('held') && <Say kind="silent" word="held" isShadow />}
              <span class="shadow">{row.attempts === 0 ? 'not tried yet' : counted(row.attempts, 'try', 'tries')}</span>
              <span class="age">{ageOf(Date.now() - row.queuedAt)}</span>
            </li>
          ))}
          {answer.next !== undefined && (
            <li>
              <span class="shadow">and more</span>
            </li>
          )}
        </ul>
      )}
      {open !== undefined && <One id={open} close={() => setOpen(undefined)} />}
    </>
  )
}

/** From whom to whom, of a message in the queue. */
export function QueuedPath({ row }: { row: ApiShape<'queuedRow'> }) {
  return <Path from={row.from} to={row.to} more={row.recipients - row.to.length} />
}

function One({ id, close }: { id: string; close: () => void }) {
  const { answer, problem, again } = useAsked<ApiAnswer<'message'>>(
    `v1/queue/messages/${encodeURIComponent(id)}`,
    5_000,
  )
  return (
    <Dialog label="One message" close={close}>
      <h2>
        <code>{id}</code>
      </h2>
      <Trouble problem={problem} again={again} />
      {answer === undefined ? (
        <Waiting />
      ) : (
        <>
          <p class="warn">
            From <bdi dir="ltr">{answer.from === '' ? '<>' : answer.from}</bdi>, {octets(answer.size)}, queued{' '}
            {whenOf(answer.queuedAt)}
            {answer.finishedAt === undefined ? '' : `; finished ${whenOf(answer.finishedAt)}`}.
          </p>
          {answer.deliveries.map((delivery) => (
            <section class="delivery">
              <p>
                <b>
                  <bdi dir="ltr">{delivery.site}</bdi>
                </b>{' '}
                <span class="shadow">
                  {delivery.state}
                  {delivery.at !== undefined && delivery.at > Date.now()
                    ? `, next attempt in ${ageOf(delivery.at - Date.now())}`
                    : ''}
                </span>
              </p>
              <ol class="attempts">
                {delivery.history.toReversed().map((attempt) => (
                  <li>
                    <time>{timeOf(attempt.at)}</time>
                    <span>
                      {attempt.outcomes.map((outcome) => (
                        <>
                          <Say kind={outcome.kind} />{' '}
                          <code>
                            <Visible
                              text={[outcome.reply.code, outcome.reply.status, outcome.reply.text]
                                .filter(Boolean)
                                .join(' ')}
                            />
                          </code>{' '}
                          <small>
                            {outcome.remote} {outcome.tls}
                          </small>
                        </>
                      ))}
                    </span>
                  </li>
                ))}
              </ol>
            </section>
          ))}
        </>
      )}
      <div class="acts">
        {answer?.transaction !== undefined && (
          <a class="btn" href={linkTo('why', { id: answer.transaction })}>
            Why?
          </a>
        )}
        <button type="button" class="btn" onClick={close}>
          Close<kbd>Esc</kbd>
        </button>
      </div>
    </Dialog>
  )
}
