/** A token for a session: asked for only where the server wants one. */
import { useState } from 'preact/hooks'
import { Icon } from '../part/icon.tsx'
import { Problem } from '../state/api.ts'
import { login } from '../state/session.ts'

/** The form. The token goes to the server once and is not kept by the page. */
export function Login() {
  const [problem, setProblem] = useState<string | undefined>(undefined)
  const [isAsking, setAsking] = useState(false)
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement // the form itself
    const token = String(new FormData(form).get('token') ?? '').trim()
    setAsking(true)
    try {
      await login({ token })
    } catch (error) {
      form.reset()
      setProblem(
        error instanceof Problem && error.status !== 401 && error.status !== 403
          ? error.message
          : 'This token is not known, or not valid any more.',
      )
    }
    setAsking(false)
  }
  return (
    <main class="login">
      <form onSubmit={submit}>
        <p class="brand">
          <Icon id="i-road" />
          <b>Postroad</b>
        </p>
        <h1>Who are you?</h1>
        <p class="note">
          This server wants a token. On its machine, <code>postroad token new NAME --role read</code> makes one;{' '}
          <code>operate</code> may act on queue and quarantine.
        </p>
        <label class="type">
          Token
          <input
            name="token"
            type="password"
            required
            autocomplete="current-password"
            autofocus
            spellcheck={false}
            aria-describedby="login-problem"
          />
        </label>
        <p id="login-problem" class="problem" role="alert">
          {problem}
        </p>
        <button type="submit" class="btn primary" disabled={isAsking}>
          {isAsking ? 'Asking …' : 'Go on'}
        </button>
      </form>
    </main>
  )
}
