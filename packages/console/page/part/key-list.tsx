/** The keys that there are, as a dialog. */
import type { ComponentChildren } from 'preact'
import { Dialog } from './dialog.tsx'

/** Keys, and what they do; two that are digits are a range. */
export type KeyRow = readonly [keys: readonly string[], what: string]

/** `children`: what stands beside the button. */
export function KeyList({
  rows,
  close,
  children,
}: {
  rows: readonly KeyRow[]
  close: () => void
  children?: ComponentChildren
}) {
  return (
    <Dialog label="Keys" close={close}>
      <h2>Keys</h2>
      <dl class="keylist">
        {rows.map(([keys, what]) => (
          <>
            <dt>
              {keys.map((key, n) => (
                <>
                  {n > 0 && (/^\d$/.test(key) ? ' … ' : ' ')}
                  <kbd>{key}</kbd>
                </>
              ))}
            </dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
      <form method="dialog" class="acts">
        {children}
        <button type="submit" class="btn" autofocus>
          Close
        </button>
      </form>
    </Dialog>
  )
}
