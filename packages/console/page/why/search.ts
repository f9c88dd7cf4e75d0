/** A search that goes on: an answer may come before all records were looked at, and then the next question begins where it has ended. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useEffect, useState } from 'preact/hooks'
import { query } from '../state/api.ts'
import { type Asked, useAsked } from '../state/asked.ts'

type Found = ApiAnswer<'transactions'>

/** What is known of a search. */
export interface Search extends Pick<Asked<Found>, 'problem' | 'isAsking' | 'again' | 'ms'> {
  readonly items: readonly ApiShape<'row'>[]
  /** To this very question: how far it came; undefined while it is under way. */
  readonly answer: Found | undefined
  /** How much there is to search, as was said last. */
  readonly kept: Found['kept']
  /** Asks for what is older; undefined when there is no more. */
  readonly more: (() => void) | undefined
}

/** `asked` undefined: nothing to ask. While nothing was found it goes on by itself. */
export function useSearch(
  asked: { readonly q: string; readonly [key: string]: string | number | undefined } | undefined,
): Search {
  const text = asked && query(asked)
  const [past, setPast] = useState<{
    readonly text: string | undefined
    readonly items: readonly ApiShape<'row'>[]
    readonly before?: string
  }>({ text, items: [] })
  const own = past.text === text ? past : { text, items: [] }
  const path = asked && `v1/transactions${query({ ...asked, before: own.before })}`
  const found = useAsked<Found>(path)
  // What was found for other words is no answer to these.
  const answer = found.isCurrent ? found.answer : undefined
  // One mail may be met by its own record and by those of its deliveries.
  const known = new Set(own.items.map(({ id }) => id))
  const items = [...own.items, ...(answer?.items ?? []).filter(({ id }) => !known.has(id))]
  const next = answer?.next
  const more = next === undefined ? undefined : () => setPast({ text, items, before: next })
  const isEmpty = items.length === 0 && next !== undefined
  useEffect(() => {
    if (isEmpty) more?.()
  }, [isEmpty, next])
  return { ...found, items, answer, kept: found.answer?.kept, more }
}
