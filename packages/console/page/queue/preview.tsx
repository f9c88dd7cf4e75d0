/** An action on many messages: first what it would do, how many, to whom, what it leaves alone; where it is large, the number is typed. */
import type { ApiAnswer, ApiBody, ApiShape } from '@postroad/admin-api'
import { useEffect, useState } from 'preact/hooks'
import { Dialog } from '../part/dialog.tsx'
import { Trouble, Waiting } from '../part/state.tsx'
import { Problem, post } from '../state/api.ts'
import { status } from '../state/session.ts'
import { tell } from '../state/toast.ts'
import { ageOf, counted, number, plural } from '../word.ts'
import { QueuedPath } from './messages.tsx'

/** What can be done. */
export type QueueAction = ApiBody<'queueAction'>['action']
/** To which messages. */
export type QueueFilter = ApiBody<'queueAction'>['filter']

const WORDS: Readonly<Record<QueueAction, readonly [would: string, go: string, done: string]>> = {
  retry: ['try again now', 'Retry', 'tries again'],
  hold: ['hold', 'Hold', 'holds'],
  release: ['release', 'Release', 'releases'],
  delete: ['delete', 'Delete', 'deletes'],
  bounce: ['bounce', 'Bounce', 'bounces'],
  reroute: ['reroute', 'Reroute', 'reroutes'],
}
const AGES = [
  ['', 'of any age'],
  ['3600000', 'older than 1 h'],
  ['14400000', 'older than 4 h'],
  ['86400000', 'older than 1 d'],
] as const

/** The dialog. */
export function Preview({ action, filter, close }: { action: QueueAction; filter: QueueFilter; close: () => void }) {
  const [preview, setPreview] = useState<ApiShape<'preview'> | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [older, setOlder] = useState('')
  const [typed, setTyped] = useState('')
  const [text, setText] = useState('')
  const [via, setVia] = useState('')
  const [isGoing, setGoing] = useState(false)
  const body = {
    action,
    filter: { ...filter, ...(older !== '' && { olderMs: Number(older) }) },
    ...(text.trim() !== '' && { text: text.trim() }),
    ...(via.trim() !== '' && { via: via.trim() }),
  }
  const key = JSON.stringify(body)
  useEffect(() => {
    let isCurrent = true
    const timer = setTimeout(
      () => {
        post<ApiShape<'preview'>>('v1/queue/actions', { ...body, dryRun: true }).then(
          (answer) => {
            if (!isCurrent) return
            setPreview(answer)
            setProblem(undefined)
          },
          (error: unknown) => isCurrent && setProblem(error instanceof Problem ? error : new Problem(0, String(error))),
        )
      },
      preview === undefined ? 0 : 250,
    )
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [key])
  const [would, word, done] = WORDS[action]
  const isFinal = action === 'delete' || action === 'bounce'
  const isReady =
    preview !== undefined &&
    preview.messages > 0 &&
    (!preview.confirm || typed.replaceAll(',', '').trim() === String(preview.messages))
  const start = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    if (preview === undefined || !isReady) return
    setGoing(true)
    try {
      const { job } = (await post<ApiAnswer<'queueAction'>>('v1/queue/actions', { ...body, token: preview.token })) as {
        job: ApiShape<'job'>
      } // it was no dry run
      tell(`Job ${job.id} ${done} ${counted(preview.messages, 'message')}.`)
      close()
    } catch (error) {
      setGoing(false)
      setProblem(error instanceof Problem ? error : new Problem(0, String(error)))
    }
  }
  return (
    <Dialog label={`${word}: what it would do`} close={close}>
      <form onSubmit={start}>
        <h2>
          {preview === undefined
            ? `What would it do to ${would}?`
            : preview.messages === 0
              ? `This would ${would} nothing.`
              : `This would ${would} ${counted(preview.messages, 'message')}.`}
        </h2>
        <Trouble problem={problem} />
        {preview === undefined ? problem === undefined && <Waiting /> : <Effects preview={preview} />}
        {preview !== undefined && preview.sample.length > 0 && (
          <ul class="sample">
            {preview.sample.slice(0, 4).map((row) => (
              <li>
                <span class="who">
                  <QueuedPath row={row} />
                </span>
                <span class="shadow">{ageOf(Date.now() - row.queuedAt)}</span>
              </li>
            ))}
            {preview.messages > 4 && (
              <li>
                <span class="shadow">and {number(preview.messages - Math.min(4, preview.sample.length))} more</span>
              </li>
            )}
          </ul>
        )}
        <div class="narrow-by">
          <label>
            Only those
            <select value={older} onChange={(event) => setOlder(event.currentTarget.value)}>
              {AGES.map(([value, say]) => (
                <option value={value}>{say}</option>
              ))}
            </select>
          </label>
        </div>
        {(action === 'hold' || action === 'bounce') && (
          <label class="type">
            {action === 'hold' ? 'Why, for who comes after you' : 'What the senders are told'}
            <input value={text} maxLength={400} onInput={(event) => setText(event.currentTarget.value)} />
          </label>
        )}
        {action === 'reroute' && (
          <label class="type">
            Where to: transport[:host[:port]]; empty: as routing says today
            <input
              value={via}
              placeholder="smtp:backup.example.com:25"
              spellcheck={false}
              onInput={(event) => setVia(event.currentTarget.value)}
            />
          </label>
        )}
        {preview?.confirm && preview.messages > 0 && (
          <label class="type">
            Type {preview.messages} to go on
            <input
              name="typed"
              value={typed}
              autocomplete="off"
              inputMode="numeric"
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </label>
        )}
        <p class="note">
          Written to the audit log as {status.value?.caller.name}.{isFinal && ' Cannot be undone.'}
        </p>
        <div class="acts">
          <button type="button" class="btn" onClick={close}>
            Leave it<kbd>Esc</kbd>
          </button>
          <button type="submit" class={`btn primary${isFinal ? ' danger' : ''}`} disabled={!isReady || isGoing}>
            {word} {preview === undefined ? '' : number(preview.messages)}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function Effects({ preview }: { preview: ApiShape<'preview'> }) {
  const { deliveries, leftAlone, reports, moves } = preview
  return (
    <p class="warn">
      {deliveries !== preview.messages && `${counted(deliveries, 'delivery', 'deliveries')} would be changed. `}
      {reports !== undefined && (
        <>
          <b>{number(reports.told)}</b> would be reported to their senders
          {reports.nobody > 0 && (
            <>
              ; <b>{number(reports.nobody)}</b> {plural(reports.nobody, 'has', 'have')} nobody to tell
            </>
          )}
          .{' '}
        </>
      )}
      {moves?.map(({ to, count }) => (
        <>
          <b>{number(count)}</b> to <code>{to}</code>.{' '}
        </>
      ))}
      {leftAlone.map(({ count, because }) => (
        <>
          <b>{number(count)}</b> {plural(count, 'is', 'are')} left alone: {because}.{' '}
        </>
      ))}
    </p>
  )
}
