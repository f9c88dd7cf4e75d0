/** What the log has warned of, newest first: the last lines that are kept of each worker. */
import type { ApiAnswer } from '@postroad/admin-api'
import { useAsked } from '../state/asked.ts'
import { counted, whenOf } from '../word.ts'
import { Say } from './opinion.tsx'
import { Trouble } from './state.tsx'
import { Visible } from './visible.tsx'

/** The part of the screen; it looks again by itself. */
export function Warnings() {
  const { answer, problem, again } = useAsked<ApiAnswer<'logs'>>('v1/logs?level=warn&limit=20', 15_000)
  return (
    <>
      <h2 class="h">Warnings and errors of the log</h2>
      <Trouble problem={problem} again={again} />
      {answer !== undefined && answer.items.length === 0 && <p class="note">None in what is kept of it.</p>}
      {answer !== undefined && answer.items.length > 0 && (
        <ul class="checks">
          {answer.items.map(({ at, level, plugin, text, fields, worker }, n) => (
            <li key={n}>
              <Say kind={level === 'error' ? 'fault' : 'remark'} word={level === 'error' ? 'error' : 'warning'} />
              <div>
                <p>
                  {whenOf(at)} {plugin !== undefined && <b>{plugin}</b>} <Visible text={text} />
                  {answer.workers.asked > 1 && <small> worker {worker}</small>}
                </p>
                {Object.keys(fields).length > 0 && (
                  <p class="evidence">
                    <Visible text={inWords(fields)} />
                  </p>
                )}
              </div>
            </li>
          ))}
        </ul>
      )}
      {answer !== undefined && answer.dropped > 0 && (
        <p class="note">{counted(answer.dropped, 'older line')} of all levels are not kept any more.</p>
      )}
    </>
  )
}

/** Of an error its words, not where it was thrown. */
function inWords(fields: Readonly<Record<string, unknown>>): string {
  const words = Object.entries(fields).map(([key, value]) => {
    const message = typeof value === 'object' && value !== null && 'message' in value ? value.message : value
    return `${key}: ${typeof message === 'string' ? message : JSON.stringify(message)}`
  })
  return words.join(', ').slice(0, 500)
}
