/** How long a fact lives: `session` facts survive several messages, `recipient` facts are of one RCPT. */
export type FactScope = 'session' | 'transaction' | 'recipient'

declare const type: unique symbol

/**
 * A typed key for something one plugin finds out and others may read: an SPF result, a country, a tenant.
 * Written at most once per scope; its value is not to be changed afterwards.
 */
export interface Fact<T, S extends FactScope = FactScope> {
  readonly name: string
  readonly scope: S
  readonly [type]?: T
}

/**
 * Makes a fact; plugins meet in facts with the same name, so share the constant, not the string.
 *
 * @param scope default `transaction`
 * @example export const country = defineFact<string, 'session'>('country', 'session')
 */
export function defineFact<T>(name: string): Fact<T, 'transaction'>
export function defineFact<T, S extends FactScope>(name: string, scope: S): Fact<T, S>
export function defineFact<T>(name: string, scope: FactScope = 'transaction'): Fact<T> {
  return Object.freeze({ name, scope })
}
