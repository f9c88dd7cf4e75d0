/** All that was found in the quarantine at once: first what it would do. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useEffect, useState } from 'preact/hooks'
import { Path } from '../part/address.tsx'
import { Dialog } from '../part/dialog.tsx'
import { Trouble, Waiting } from '../part/state.tsx'
import { Problem, post } from '../state/api.ts'
import { status } from '../state/session.ts'
import { tell } from '../state/toast.ts'
import { counted, number, whenOf } from '../word.ts'

/** What can be done with many. */
export type ManyAction = 'release' | 'delete'
type Preview = Extract<ApiAnswer<'quarantineAction'>, { readonly dryRun: true }>

/** The dialog. */
export function Many({ action, q, close }: { action: ManyAction; q: string; close: () => void }) {
  const [preview, setPreview] = useState<Preview | undefined>(undefined)
  const [problem, setProblem] = useState<Problem | undefined>(undefined)
  const [typed, setTyped] = useState('')
  const body = { action, filter: { q } }
  useEffect(() => {
    post<Preview>('v1/quarantine/actions', { ...body, dryRun: true }).then(setPreview, (error: unknown) =>
      setProblem(error instanceof Problem ? error : new Problem(0, String(error))),
    )
  }, [action, q])
  const isReady =
    preview !== undefined &&
    preview.messages > 0 &&
    (!preview.confirm || typed.replaceAll(',', '').trim() === String(preview.messages))
  const word = action === 'release' ? 'Release' : 'Delete'
  const start = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    if (preview === undefined || !isReady) return
    try {
      const { job } = await post<{ job: ApiShape<'job'> }>('v1/quarantine/actions', { ...body, token: preview.token })
      tell(`Job ${job.id}: ${word.toLowerCase()} ${counted(preview.messages, 'message')}.`)
      close()
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, String(error)))
    }
  }
  return (
    <Dialog label={`${word}: what it would do`} close={close}>
      <form onSubmit={start}>
        <h2>
          {preview === undefined
            ? 'What would it do?'
            : `This would ${action} ${counted(preview.messages, 'message')} for ${counted(preview.recipients, 'recipient')}.`}
        </h2>
        <Trouble problem={problem} />
        {preview === undefined ? (
          problem === undefined && <Waiting />
        ) : (
          <ul class="sample">
            {preview.sample.slice(0, 4).map((mail) => (
              <li>
                <span class="who">
                  <Path from={mail.from} to={mail.to} />
                </span>
                <span class="shadow">{whenOf(mail.at)}</span>
              </li>
            ))}
            {preview.messages > 4 && (
              <li>
                <span class="shadow">and {number(preview.messages - Math.min(4, preview.sample.length))} more</span>
              </li>
            )}
          </ul>
        )}
        {preview?.confirm && (
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
          Written to the audit log as {status.value?.caller.name}.{action === 'delete' && ' Cannot be undone.'}
        </p>
        <div class="acts">
          <button type="button" class="btn" onClick={close}>
            Leave it<kbd>Esc</kbd>
          </button>
          <button type="submit" class={`btn primary${action === 'delete' ? ' danger' : ''}`} disabled={!isReady}>
            {word} {preview === undefined ? '' : number(preview.messages)}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
