/** "What would happen today?": the mail through the rules of the configuration as its file is now. Only for mail whose octets are still here, in the queue or the quarantine. */
import type { ApiAnswer } from '@postroad/admin-api'
import { useState } from 'preact/hooks'
import { cssOf, Say } from '../part/opinion.tsx'
import { Sentence } from '../part/sentence.tsx'
import { addressOf, Problem, query, send } from '../state/api.ts'
import { useKeys } from '../state/keys.ts'
import { may } from '../state/session.ts'

/** Drawn where it can be done. */
export function TryToday({ answer }: { answer: ApiAnswer<'transaction'> | undefined }) {
  const [tried, setTried] = useState<ApiAnswer<'try'> | undefined>(undefined)
  const [said, setSaid] = useState('')
  const receipt = answer?.record.receipt
  const raw =
    answer?.row.outcome === 'quarantined'
      ? may('quarantineRaw')
        ? 'v1/quarantine'
        : undefined
      : may('body')
        ? 'v1/queue/messages'
        : undefined
  const canTry = answer !== undefined && receipt !== undefined && raw !== undefined && may('try')
  const ask = async (): Promise<void> => {
    if (!canTry) return
    setSaid('It is tried; that takes some seconds …')
    try {
      setTried(await tryAgain(answer, `${raw}/${encodeURIComponent(receipt)}/raw`))
      setSaid('')
    } catch (error) {
      setSaid(error instanceof Problem ? error.message : String(error))
    }
  }
  useKeys(canTry ? { r: ask } : {})
  if (!canTry) return null
  const then = answer.row
  return (
    <>
      <h3>What would happen today?</h3>
      {tried === undefined ? (
        <>
          <button type="button" class="btn" onClick={ask}>
            Try it with the present rules<kbd>r</kbd>
          </button>
          <p class="note" role="status">
            {said || 'Nothing is sent or kept; only mail that is still here can be tried.'}
          </p>
        </>
      ) : (
        <>
          <table class="plain cmp">
            <tbody>
              <tr>
                <th scope="row">Then</th>
                <td class={`num ${cssOf(then.outcome)}`}>{then.reply.slice(0, 9)}</td>
                <td>
                  <Say kind={then.outcome} />
                </td>
              </tr>
              <tr>
                <th scope="row">Now</th>
                <td class={`num ${cssOf(tried.outcome)}`}>{tried.reply.slice(0, 9)}</td>
                <td>
                  <Say kind={tried.outcome} />
                </td>
              </tr>
            </tbody>
          </table>
          <p class="note">
            <Sentence parts={tried.sentence} />
          </p>
        </>
      )}
    </>
  )
}

async function tryAgain({ row, record }: ApiAnswer<'transaction'>, path: string): Promise<ApiAnswer<'try'>> {
  const octets = await fetch(addressOf(path), { credentials: 'same-origin' })
  if (!octets.ok) throw new Problem(octets.status, 'Its octets are not here any more.')
  const search = query({ from: row.from, remote: row.remote, helo: row.helo, listener: row.listener })
  const to = (record.to ?? row.to).map((one) => `to=${encodeURIComponent(one)}`).join('&')
  return send<ApiAnswer<'try'>>(`v1/try${search}${search === '' ? '?' : '&'}${to}`, {
    method: 'POST',
    headers: { 'content-type': 'message/rfc822', accept: 'application/json' },
    body: await octets.arrayBuffer(),
  })
}
