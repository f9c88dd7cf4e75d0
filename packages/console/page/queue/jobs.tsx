/** What is being done to many messages right now, and what was done lately. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useEffect, useState } from 'preact/hooks'
import { post } from '../state/api.ts'
import { useAsked } from '../state/asked.ts'
import { may } from '../state/session.ts'
import { tell } from '../state/toast.ts'
import { ageOf, number, plural } from '../word.ts'

/** A job that has ended is shown for this long, in milliseconds. */
const SHOWN_MS = 120_000

/** Those that run, and those that have just ended. */
export function Jobs({ again }: { again: () => void }) {
  const [pace, setPace] = useState(2_000)
  const { answer } = useAsked<ApiAnswer<'jobs'>>(may('jobs') ? 'v1/jobs' : undefined, pace)
  const jobs =
    answer?.jobs.filter(({ state, endedAt }) => state === 'running' || Date.now() - (endedAt ?? 0) < SHOWN_MS) ?? []
  const isRunning = jobs.some(({ state }) => state === 'running')
  useEffect(() => {
    setPace(isRunning ? 500 : 3_000)
    again()
  }, [isRunning])
  if (jobs.length === 0) return null
  return (
    <ul class="jobs" aria-label="Jobs">
      {jobs.map((job) => (
        <Job job={job} />
      ))}
    </ul>
  )
}

function Job({
  job: { id, kind, by, state, startedAt, endedAt, total, looked, changed, text },
}: {
  job: ApiShape<'job'>
}) {
  const stop = async (): Promise<void> => {
    try {
      await post(`v1/jobs/${encodeURIComponent(id)}/stop`, {})
      tell(`Job ${id} stops where it is.`)
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <li data-job={id} data-state={state}>
      <p>
        <b>{kind}</b>{' '}
        {state === 'running'
          ? `${number(looked)} of ${number(total)}`
          : `${state}, ${number(changed)} ${plural(changed, 'delivery', 'deliveries')} changed`}{' '}
        <span class="shadow">
          by {by}
          {state === 'running' ? '' : `, took ${ageOf((endedAt ?? startedAt) - startedAt)}`}
          {text === undefined ? '' : `; ${text}`}
        </span>
      </p>
      {state === 'running' && (
        <>
          <progress max={Math.max(1, total)} value={looked} aria-label={`${kind}: ${looked} of ${total}`} />
          {may('stopJob') && (
            <button type="button" class="btn small" onClick={stop}>
              Stop
            </button>
          )}
        </>
      )}
    </li>
  )
}
