/** An answer of the API as a screen needs it: asked for when what it depends on changes, asked again by a clock, kept while the next one is under way. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { get, Problem } from './api.ts'
import { onUnauthorized } from './session.ts'

/** What is known of an answer. */
export interface Asked<T> {
  /** The last answer; stays while the next is asked for, and when that fails. */
  readonly answer: T | undefined
  /** The answer is one to this question, and not to that before it. */
  readonly isCurrent: boolean
  /** Why there is none, or no newer one. */
  readonly problem: Problem | undefined
  readonly isAsking: boolean
  /** Milliseconds the last answer took. */
  readonly ms: number
  /** Asks again now. */
  again(): void
}

/** `path` undefined: nothing to ask. `everyMs`: the pause after an answer until the next question; a tab in the background asks nothing. */
export function useAsked<T>(path: string | undefined, everyMs = 0): Asked<T> {
  const [state, setState] = useState<{ path: string | undefined; answer?: T; problem?: Problem; ms: number }>({
    path,
    ms: 0,
  })
  const [isAsking, setAsking] = useState(path !== undefined)
  const [count, setCount] = useState(0)
  const timer = useRef(0)
  useEffect(() => {
    if (path === undefined) return setState({ path, ms: 0 })
    const abort = new AbortController()
    const load = async (): Promise<void> => {
      if (document.hidden && everyMs > 0) return wait()
      setAsking(true)
      const begun = performance.now()
      try {
        const answer = await get<T>(path, abort.signal)
        setState({ path, answer, ms: performance.now() - begun })
      } catch (error) {
        if (abort.signal.aborted) return
        const problem = error instanceof Problem ? error : new Problem(0, String(error))
        if (problem.status === 401) onUnauthorized()
        setState((before) => ({ ...(before.path === path && before), path, problem, ms: 0 }))
      }
      setAsking(false)
      wait()
    }
    const wait = (): void => {
      if (everyMs > 0 && !abort.signal.aborted) timer.current = setTimeout(load, everyMs)
    }
    void load()
    return () => {
      abort.abort()
      clearTimeout(timer.current)
    }
  }, [path, everyMs, count])
  return {
    answer: state.answer,
    isCurrent: state.answer !== undefined && state.path === path,
    problem: state.problem,
    ms: state.ms,
    isAsking,
    again: () => setCount((n) => n + 1),
  }
}
