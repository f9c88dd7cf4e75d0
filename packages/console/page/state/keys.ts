/** Keys of a screen, for as long as it is drawn. A key that is typed into a field, or with a modifier, is not one of these; an open dialog has its own. */
import { useLayoutEffect, useRef } from 'preact/hooks'

/** By `KeyboardEvent.key`. */
export type Keys = Readonly<Record<string, () => unknown>>

const layers: (() => Keys)[] = []

/** Adds keys; those that were added last go first. What is drawn has its keys at once: who types fast does not wait for the next frame. */
export function useKeys(keys: Keys): void {
  const now = useRef(keys)
  now.current = keys
  useLayoutEffect(() => {
    const layer = (): Keys => now.current
    layers.push(layer)
    return () => {
      layers.splice(layers.indexOf(layer), 1)
    }
  }, [])
}

addEventListener('keydown', (event) => {
  const { key, target } = event
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') !== null) return
  const element = target instanceof HTMLElement ? target : undefined
  if (element !== undefined && /^(?:INPUT|TEXTAREA|SELECT)$/.test(element.tagName)) {
    if (key === 'Escape') element.blur()
    return
  }
  // Enter and Space on what can be pressed press it.
  if ((key === 'Enter' || key === ' ') && element?.closest('button, a, summary, [data-own-keys]')) return
  for (const layer of layers.toReversed()) {
    const action = layer()[key]
    if (action === undefined) continue
    event.preventDefault()
    action()
    return
  }
})
