/** What stands where nothing stands: nothing there yet, nothing found, the server gone, a part of the workers silent. */
import type { ComponentChildren } from 'preact'
import type { Problem } from '../state/api.ts'
import { Icon } from './icon.tsx'

/** Says what would be here, and how to make it come. */
export function Empty({
  icon,
  title,
  children,
}: {
  icon: string
  title: ComponentChildren
  children?: ComponentChildren
}) {
  return (
    <div class="empty">
      <Icon id={icon} />
      <h2>{title}</h2>
      {children}
    </div>
  )
}

/** What went wrong, once, above what is still known. */
export function Trouble({ problem, again }: { problem: Problem | undefined; again?: () => void }) {
  if (problem === undefined || problem.status === 401) return null
  const isGone = problem.status === 0
  return (
    <div class="trouble" role="alert">
      <Icon id={isGone ? 'i-cut' : 'g-fail'} />
      <p>
        <b>
          {isGone
            ? 'The server does not answer.'
            : problem.status === 403
              ? 'Not for this role.'
              : 'The server refused.'}
        </b>{' '}
        {isGone ? 'What stands here is what was known last.' : problem.message}
      </p>
      {again && (
        <button type="button" class="btn small" onClick={again}>
          Ask again
        </button>
      )}
    </div>
  )
}

/** While the first answer is under way: nothing for a moment, then a word. */
export function Waiting() {
  return <p class="waiting">Asking the server …</p>
}
