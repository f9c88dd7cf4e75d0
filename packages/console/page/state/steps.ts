/** Up and down a list by keys, for lists that come from the server and change while somebody reads them. */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { stepped } from './stepped.ts'

/** What is stepped through. */
export interface Stepped {
  /** In the order in which they are drawn; undefined: the server has not answered yet. */
  readonly ids: readonly string[] | undefined
  /** The chosen one; undefined: none is. */
  readonly chosen: string | undefined
  choose(id: string): void
}

/**
 * A function that goes so many rows down. A key that comes before the list does is kept until it is there; who stood at a row that is gone goes on
 * from where it was.
 */
export function useSteps({ ids, chosen, choose }: Stepped): (by: number) => void {
  const early = useRef(0)
  const last = useRef(0)
  const at = chosen === undefined ? -1 : (ids?.indexOf(chosen) ?? -1)
  if (at >= 0) last.current = at
  const step = (by: number): void => {
    if (ids === undefined) early.current += by
    else {
      const to = ids[stepped({ count: ids.length, at, last: chosen === undefined ? undefined : last.current, by })]
      if (to !== undefined) choose(to)
    }
  }
  useLayoutEffect(() => {
    const by = early.current
    if (ids === undefined || by === 0) return
    early.current = 0
    step(by)
  }, [ids !== undefined])
  return step
}
