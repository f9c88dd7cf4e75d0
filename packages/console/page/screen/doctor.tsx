/** Doctor: what is wrong with this machine and the server's names, each with evidence and what to do. */
import type { ApiAnswer } from '@postroad/admin-api'
import { Say } from '../part/opinion.tsx'
import { Trouble, Waiting } from '../part/state.tsx'
import { Visible } from '../part/visible.tsx'
import { useAsked } from '../state/asked.ts'
import { counted, plural } from '../word.ts'

const ORDER = ['fault', 'remark', 'ok']

/** The screen. */
export function Doctor() {
  const { answer, problem, again, isAsking } = useAsked<ApiAnswer<'doctor'>>('v1/doctor')
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
      {answer === undefined && isAsking && <Waiting />}
      <ul class="checks">
        {checks.map(({ id, title, state, evidence, rfc, fix }) => (
          <li class={state} key={id}>
            <Say kind={state} />
            <div>
              <p>
                <b>{title}</b> {rfc !== undefined && <small>{rfc}</small>}
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
    </section>
  )
}
