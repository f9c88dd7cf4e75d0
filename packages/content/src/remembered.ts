/** What is read of a message once, for all plugins that ask. */
import type { Mime } from '@postroad/mail'

/**
 * Keeps it at the object itself: the values of a WeakMap outlive the minor collections, and with them all that was read of the last
 * hundreds of messages.
 */
export function remembered<T>(name: string, read: (mime: Mime) => T): (mime: Mime) => T {
  const key = Symbol(name)
  return (mime) => {
    const kept = mime as Mime & { readonly [key: symbol]: { readonly value: T } | undefined } // as: nobody else has the key
    const before = kept[key]
    if (before) return before.value
    const value = read(mime)
    Reflect.defineProperty(mime, key, { value: { value } })
    return value
  }
}
