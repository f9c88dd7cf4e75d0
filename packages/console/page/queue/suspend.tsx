/** Stops a destination until somebody says otherwise; a reason, for who finds it stopped. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useState } from 'preact/hooks'
import { Dialog } from '../part/dialog.tsx'
import { Trouble } from '../part/state.tsx'
import { Problem, post } from '../state/api.ts'
import { tell } from '../state/toast.ts'
import { counted } from '../word.ts'
import { siteName } from './sites.tsx'

/** The dialog. */
export function Suspend({ site, close }: { site: ApiShape<'site'>; close: () => void }) {
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement) // the form itself
    try {
      const { messages, notes } = await post<ApiAnswer<'suspend'>>('v1/suspensions', {
        target: site.site,
        reason: String(form.get('reason') ?? ''),
      })
      tell(`${siteName(site.site)} stands: ${counted(messages, 'message')}. ${notes.join(' ')}`)
      close()
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, String(error)))
    }
  }
  return (
    <Dialog label="Suspend" close={close}>
      <form onSubmit={submit}>
        <h2>
          Suspend <bdi dir="ltr">{siteName(site.site)}</bdi>?
        </h2>
        <p class="warn">
          {counted(site.messages, 'message')} and what comes will wait, until you resume it; nothing is bounced by it.
          What is under way now is finished.
        </p>
        <Trouble problem={problem} />
        <label class="type">
          Why, for who comes after you
          <input name="reason" maxLength={400} />
        </label>
        <div class="acts">
          <button type="button" class="btn" onClick={close}>
            Leave it<kbd>Esc</kbd>
          </button>
          <button type="submit" class="btn primary">
            Suspend
          </button>
        </div>
      </form>
    </Dialog>
  )
}
