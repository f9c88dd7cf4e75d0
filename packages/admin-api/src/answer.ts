/** Types of what the admin interface is asked and answers; they cost a browser nothing. */
import type { calls, events, shapes } from './calls.ts'

/** Name of a call, as in the description at `/openapi.json`. */
export type ApiCall = keyof typeof calls
type Calls = { readonly [K in ApiCall]: (typeof calls)[K] }
type Output<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly output: infer O }
    ? O
    : never
  : never
type Input<S> = S extends { readonly '~standard': { readonly types?: infer T } }
  ? NonNullable<T> extends { readonly input: infer I }
    ? I
    : never
  : never

/** What a call answers: `ApiAnswer<'status'>`. */
export type ApiAnswer<K extends ApiCall> = Output<Calls[K]['answer']>
/** What may stand behind the `?` of a call. */
export type ApiQuery<K extends ApiCall> = Calls[K] extends { readonly query: infer S } ? Input<S> : undefined
/** The JSON that a call takes. */
export type ApiBody<K extends ApiCall> = Calls[K] extends { readonly body: infer S } ? Input<S> : undefined
/** Data of an event of `/v1/events`: `ApiEvent<'end'>`. */
export type ApiEvent<K extends keyof typeof events> = Output<(typeof events)[K]>
/** A piece of answers: `ApiShape<'row'>` is a row of a list of transactions, `ApiShape<'part'>` a part of a sentence. */
export type ApiShape<K extends keyof typeof shapes> = Output<(typeof shapes)[K]>
