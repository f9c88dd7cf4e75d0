/** Tokens of this listener: who has one, a new one, whose secret is shown this once, and an end to one. */
import type { ApiAnswer } from '@postroad/admin-api'
import { useState } from 'preact/hooks'
import { Dialog } from '../part/dialog.tsx'
import { Trouble } from '../part/state.tsx'
import { Visible } from '../part/visible.tsx'
import { Problem, post } from '../state/api.ts'
import { useAsked } from '../state/asked.ts'
import { may } from '../state/session.ts'
import { copy, tell } from '../state/toast.ts'
import { dayOf } from '../word.ts'

/** The part of the screen. */
export function Tokens() {
  const { answer, problem, again } = useAsked<ApiAnswer<'tokens'>>('v1/tokens')
  const [isMaking, setMaking] = useState(false)
  const [revoking, setRevoking] = useState<string | undefined>(undefined)
  return (
    <>
      <h2 class="h">Tokens</h2>
      <Trouble problem={problem} again={again} />
      {answer !== undefined && answer.tokens.length === 0 && (
        <p class="note">None in the file of this listener; those that the configuration has are not listed.</p>
      )}
      {answer !== undefined && answer.tokens.length > 0 && (
        <ul class="checks tokens">
          {answer.tokens.map(({ name, roles, created, expires }) => (
            <li key={name}>
              <b>
                <Visible text={name} />
              </b>
              <p>
                {roles.join(', ')}
                {created !== undefined && `, made ${dayOf(created)}`}
                {expires === undefined
                  ? ', never expires'
                  : expires < Date.now()
                    ? ', expired'
                    : `, until ${dayOf(expires)}`}
              </p>
              {may('revokeToken') && (
                <button
                  type="button"
                  class="btn danger"
                  aria-label={`Revoke ${name}`}
                  onClick={() => setRevoking(name)}
                >
                  Revoke…
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {may('newToken') && (
        <p class="acts after">
          <button type="button" class="btn" onClick={() => setMaking(true)}>
            New token…
          </button>
        </p>
      )}
      {isMaking && (
        <NewToken
          close={() => {
            setMaking(false)
            again()
          }}
        />
      )}
      {revoking !== undefined && (
        <Revoke
          name={revoking}
          close={() => {
            setRevoking(undefined)
            again()
          }}
        />
      )}
    </>
  )
}

function Revoke({ name, close }: { name: string; close: () => void }) {
  const revoke = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    try {
      await post<ApiAnswer<'revokeToken'>>(`v1/tokens/${encodeURIComponent(name)}`, {}, { method: 'DELETE' })
      tell(`The token ${name} is worth nothing any more.`)
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error))
    }
    close()
  }
  return (
    <Dialog label="Revoke" close={close}>
      <form onSubmit={revoke}>
        <h2>
          Revoke <Visible text={name} />?
        </h2>
        <p class="warn">Who uses it, and every browser that logged in with it, is a stranger within a second.</p>
        <div class="acts">
          <button type="button" class="btn" onClick={close}>
            Leave it<kbd>Esc</kbd>
          </button>
          <button type="submit" class="btn danger">
            Revoke
          </button>
        </div>
      </form>
    </Dialog>
  )
}

const LIVES = [
  ['', 'never'],
  ['30d', 'in 30 days'],
  ['90d', 'in 90 days'],
  ['365d', 'in a year'],
] as const

function NewToken({ close }: { close: () => void }) {
  const [made, setMade] = useState<ApiAnswer<'newToken'> | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const make = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement) // the form itself
    const expires = String(form.get('expires') ?? '')
    const body = { name: form.get('name'), role: form.get('role'), ...(expires !== '' && { expires }) }
    try {
      setMade(await post<ApiAnswer<'newToken'>>('v1/tokens', body))
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, String(error)))
    }
  }
  if (made !== undefined)
    return (
      <Dialog label="The token" close={close}>
        <h2>
          The token <Visible text={made.token.name} />
        </h2>
        <p class="warn">It is shown this once: only its hash is kept.</p>
        <p>
          <code class="secret">{made.secret}</code>
        </p>
        <div class="acts">
          <button type="button" class="btn primary" autofocus onClick={() => copy(made.secret, 'the token')}>
            Copy
          </button>
          <button type="button" class="btn" onClick={close}>
            Done
          </button>
        </div>
      </Dialog>
    )
  return (
    <Dialog label="New token" close={close}>
      <form onSubmit={make}>
        <h2>New token</h2>
        <Trouble problem={problem} />
        <label class="type">
          Name, as it will stand in the log
          <input
            name="name"
            required
            maxLength={64}
            pattern="[A-Za-z0-9_.@\-]+"
            autocomplete="off"
            spellcheck={false}
          />
        </label>
        <label class="type">
          May
          <select name="role">
            <option value="read">read: see all but bodies</option>
            <option value="operate">operate: act on queue and quarantine</option>
            <option value="admin">admin: everything</option>
            <option value="send">send: inject mail, and nothing else</option>
          </select>
        </label>
        <label class="type">
          Expires
          <select name="expires">
            {LIVES.map(([value, word]) => (
              <option value={value} selected={value === '90d'}>
                {word}
              </option>
            ))}
          </select>
        </label>
        <div class="acts">
          <button type="button" class="btn" onClick={close}>
            Leave it<kbd>Esc</kbd>
          </button>
          <button type="submit" class="btn primary">
            Make it
          </button>
        </div>
      </form>
    </Dialog>
  )
}
