/** Codes of {@link UsageError}: what each means, and what to do. Part of docs/errors.md. */
export const USAGE_ERRORS = {
  ERR_USAGE: {
    summary:
      'The command cannot do what it was told: an argument is wrong, or there is no configuration that can be read.',
    fix: 'Do what the message says; `postroad help COMMAND` lists the arguments. `postroad check` reports it as ERR_CONFIG.',
  },
} as const

/** Something the operator can mend: shown without a stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'ERR_USAGE' satisfies keyof typeof USAGE_ERRORS
}
