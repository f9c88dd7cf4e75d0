/** Doctor: what is wrong with this machine and the server's names, each with evidence and what to do. */
import type { ApiAnswer } from '@postroad/admin-api'
import { useState } from 'preact/hooks'
import { Say } from '../part/opinion.tsx'
import { Trouble, Waiting } from '../part/state.tsx'
import { Visible } from '../part/visible.tsx'
import { Warnings } from '../part/warnings.tsx'
import { useAsked } from '../state/asked.ts'
import { may } from '../state/session.ts'
import { counted, plural, timeOf, took } from '../word.ts'

const ORDER = ['fault', 'remark', 'ok']

/** The screen. */
export function Doctor() {
  const [rounds, setRounds] = useState(0)
  // Asked for again it looks again; else what was seen within minutes will do.
  const { answer, problem, isAsking } = useAsked<ApiAnswer<'doctor'>>(
    rounds === 0 ? 'v1/doctor' : `v1/doctor?fresh=1&round=${rounds}`,
  )
  const again = (): void => setRounds(rounds + 1)
  const checks = answer?.checks.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state)) ?? []
  const count = (state: string): number => checks.filter((one) => one.state === state).length
  return (
    <section class="screen page narrow" aria-labelledby="h-doctor">
      <Trouble problem={problem} again={again} />
      <header class="lede">
        <h1 id="h-doctor">
          {answer === undefined ? (
            'Doctor'
          ) : count('fault') === 0 ? (
            <>
              All is well in <b>{counted(checks.length, 'check')}</b>
              {count('remark') > 0 && `, with ${counted(count('remark'), 'remark')}`}.
            </>
          ) : (
            <>
              <b>{counted(count('fault'), 'fault')}</b> {plural(count('fault'), 'wants', 'want')} to be mended
              {count('remark') > 0 && `; ${counted(count('remark'), 'remark')}`}.
            </>
          )}
        </h1>
        <button type="button" class="btn" disabled={isAsking} onClick={again}>
          {isAsking ? 'Looking …' : 'Look again'}
        </button>
      </header>
      {answer === undefined && isAsking && (
        <>
          <Waiting />
          <p class="note">DNS, our own listeners and this machine are asked: it takes as long as they do.</p>
        </>
      )}
      {answer !== undefined && (
        <p class="note before">
          Looked at {timeOf(answer.at)}, in {took(answer.tookMs)}.
          {checks.some(({ id }) => id !== 'configuration') ? (
            <>
              {' '}
              <code>postroad doctor</code> does the same.
            </>
          ) : (
            ' This server looks at its configuration alone.'
          )}
        </p>
      )}
      <ul class="checks">
        {checks.map(({ id, plugin, subject, state, evidence, rfc, fix }, n) => (
          <li class={state} key={n}>
            <Say kind={state} />
            <div>
              <p>
                <b>{plugin === undefined ? id : `${plugin}: ${id}`}</b> {subject !== id && <Visible text={subject} />}{' '}
                {rfc !== undefined && <small>{rfc}</small>}
              </p>
              <p class="evidence">
                <Visible text={evidence} />
              </p>
              {fix !== undefined && state !== 'ok' && (
                <p class="fix">
                  <Visible text={fix} />
                </p>
              )}
            </div>
          </li>
        ))}
      </ul>
      {may('logs') && <Warnings />}
    </section>
  )
}
