/** What can be wrong before anybody can connect. */

/** Codes of {@link ListenerError}: what each means, and what to do. Part of docs/errors.md. */
export const LISTENER_ERRORS = {
  ERR_LISTENER: {
    summary: 'A listener cannot be what it was asked to be.',
    fix: 'Correct what the message names. Within a server the same mistakes are ERR_LISTEN, with all others.',
  },
} as const

/** Something to listen with that cannot be: the message says what to do. */
export class ListenerError extends Error {
  override readonly name = 'ListenerError'
  readonly code = 'ERR_LISTENER' satisfies keyof typeof LISTENER_ERRORS
}
