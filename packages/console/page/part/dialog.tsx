/** A question over the page. The browser's own element: it keeps the focus, closes with Escape, and gives the focus back. */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

/** Open as long as it is drawn. */
export function Dialog({ label, close, children }: { label: string; close: () => void; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null)
  // Before the next key: it is for the dialog, and not for the screen below.
  useLayoutEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    return () => {
      if (before instanceof HTMLElement) before.focus({ preventScroll: true })
    }
  }, [])
  return (
    <dialog ref={element} aria-label={label} onClose={close}>
      {children}
    </dialog>
  )
}
