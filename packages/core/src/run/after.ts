import type { Maybe } from '@postroad/smtp'

/**
 * Goes on with what is known now or will be. Who answers at once costs no promise and no closure: what `next` needs beside the value is
 * handed through.
 */
export function after<T, R>(value: Maybe<T>, next: (value: T) => Maybe<R>): Maybe<R>
export function after<T, A, R>(value: Maybe<T>, next: (value: T, a: A) => Maybe<R>, a: A): Maybe<R>
export function after<T, A, B, R>(value: Maybe<T>, next: (value: T, a: A, b: B) => Maybe<R>, a: A, b: B): Maybe<R>
export function after<T, A, B, R>(value: Maybe<T>, next: (value: T, a: A, b: B) => Maybe<R>, a?: A, b?: B): Maybe<R> {
  // `as`: the overloads say that `next` takes no more than what was given.
  return value instanceof Promise ? value.then((late) => next(late, a as A, b as B)) : next(value, a as A, b as B)
}
