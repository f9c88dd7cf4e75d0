/**
 * Every mistake that can be found before the first connection, with what to do about it. `docs/errors.md` is made of
 * this table, and a test holds the two against each other.
 */
import { textOf } from '@postroad/plugin'
import { installCommand } from './missing-package.ts'

/** What the catalogue says of one mistake. */
export interface ErrorInfo {
  /** What is wrong, in general. */
  readonly summary: string
  /** What to do. */
  readonly fix: string
}

/** The catalogue, by code. */
export const ERRORS = {
  ERR_CONFIG: {
    summary: 'The configuration itself is malformed.',
    fix: 'Correct the option the message names; `postroad check` validates without listening.',
  },
  ERR_OPTIONS: {
    summary: 'The options of a plugin do not fit its schema.',
    fix: 'Correct the option at the path the message gives; the plugin’s README lists them.',
  },
  ERR_USE: {
    summary: '`use` was given something that is not a plugin, or an unknown setting.',
    fix: 'Call the factory: `app.use(greylist())`, not `app.use(greylist)`; settings are mode, onError, timeout, when, before, after, as.',
  },
  ERR_DUPLICATE_PLUGIN: {
    summary: 'Two plugins of one scope have the same name.',
    fix: 'Remove one, or tell them apart: `app.use(plugin(), { as: "other-name" })`.',
  },
  ERR_DUPLICATE_SCOPE: { summary: 'Two scopes have the same name.', fix: 'Give each scope a name of its own.' },
  ERR_HOOK: {
    summary: 'A plugin answers a hook that does not exist, or not with a function.',
    fix: 'See docs/hooks.md for the names; a hook is a function or `{ handler, … }`.',
  },
  ERR_ORDER: {
    summary: 'The operator’s `before` or `after` names a plugin that is not in use.',
    fix: 'Correct the name, or use the plugin.',
  },
  ERR_CYCLE: {
    summary: 'Handlers of one hook wait for each other.',
    fix: 'Remove one `after` or `before` of those the message names.',
  },
  ERR_FACT_MISSING: {
    summary: 'A handler reads a fact that nobody provides.',
    fix: 'Use a plugin that provides it, or read it with `find` and without `after`.',
  },
  ERR_FACT_TWICE: {
    summary: 'Two handlers provide the same fact.',
    fix: 'Use only one of the two plugins in this scope.',
  },
  ERR_FACT_LATE: {
    summary: 'A handler reads a fact that is provided only at a later hook.',
    fix: 'Read it at that hook or later.',
  },
  ERR_NEED: {
    summary: 'A plugin needs a service that nobody provides.',
    fix: 'Use a plugin that provides it in this scope or one around it.',
  },
  ERR_NEED_CYCLE: {
    summary: 'Plugins need services of each other, in a circle.',
    fix: 'Split one of the plugins the message names.',
  },
  ERR_SERVICE_TWICE: {
    summary: 'Two plugins of one scope provide the same service.',
    fix: 'Use only one of them, or put one into a scope of its own.',
  },
  ERR_SERVICE_ABSENT: {
    summary: 'A plugin declares a service and does not return it.',
    fix: 'Return it from `setup` under `services`.',
  },
  ERR_SETUP: { summary: 'The `setup` of a plugin failed.', fix: 'See the cause; nothing was started.' },
  ERR_ROLE: {
    summary: 'A plugin hooks what is never asked where another server takes responsibility for the mail.',
    fix: 'Use it in a scope that listens for smtp, or listen for another protocol; the message says which.',
  },
  ERR_LISTEN: { summary: 'A listener’s settings contradict each other.', fix: 'Correct what the message names.' },
  ERR_HTTP_ROUTE: {
    summary:
      'A route of a plugin cannot be served on listeners of kind `http`: another one has the same, or it is none.',
    fix: 'Use only one of the two plugins in this scope, or put one into a scope of its own.',
  },
  ERR_LISTEN_TWICE: { summary: 'Two listeners want the same address, port or name.', fix: 'Give each its own.' },
  ERR_NO_LISTENER: { summary: 'There is no listener.', fix: 'Add `scope.listen({ port: 25 })`.' },
  ERR_NO_AUTH: {
    summary: 'A listener requires AUTH and its scope has no plugin that answers `auth`.',
    fix: 'Use one in this scope, `auth-file` for example, or drop `auth: "required"`.',
  },
  ERR_NO_QUARANTINE: {
    summary: 'A quarantine threshold is set and no plugin of the scope answers `quarantine`.',
    fix: 'Use the plugin `quarantine`, or drop the threshold.',
  },
  ERR_VIA: {
    summary: 'Mail is sent by a `via` that no plugin of the scope takes; found by `postroad check`.',
    fix: 'Correct the `via`, or use a plugin that takes it in this scope or one around it: `queue({ maildir: … })` for "maildir", `proxy` for "proxy", `transports` of the queue for one of your own.',
  },
  ERR_FOLDER: {
    summary:
      'A folder cannot be made or written by the user that runs the server; found at the start, and by `postroad check`.',
    fix: 'Make it and give it to that user, `install -d -o USER -m 0700 FOLDER`, or name another one.',
  },
  ERR_GROUP: {
    summary:
      'A UNIX socket is to belong to a group that the user who runs the server cannot give; found by `postroad check`.',
    fix: 'Add that user to the group, or start the server as root with `--user`; or let the socket’s folder have the group and the set-group-ID bit.',
  },
  ERR_FILE: {
    summary: 'A file cannot be read by the user that runs the server; found by `postroad check`.',
    fix: 'Give that user the right, `chown USER FILE` for one, and `chmod a+x` to the folders above it.',
  },
  ERR_BIND: {
    summary: 'A listener could not be opened.',
    fix: 'Is the port taken, or below 1024 without the right to it? The cause tells.',
  },
} as const satisfies Readonly<Record<string, ErrorInfo>>

/** Code of a catalogued mistake. */
export type ErrorCode = keyof typeof ERRORS

/** One mistake, catalogued. */
export class PostroadError extends Error {
  override readonly name = 'PostroadError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    const command = installCommand(options?.cause)
    super(command === undefined ? message : `${message}: \`${command}\``, options)
    this.code = code
  }
}

/** All mistakes of a configuration, at once. */
export class BootError extends AggregateError {
  override readonly name = 'BootError'
  declare readonly errors: PostroadError[]

  constructor(errors: readonly PostroadError[]) {
    super(
      errors,
      `${errors.length === 1 ? 'The configuration has a mistake' : `The configuration has ${errors.length} mistakes`}:\n${errors.map(line).join('\n')}`,
    )
  }
}

/** Gathers mistakes so that all of them are reported together. */
export class Mistakes {
  readonly #errors: PostroadError[] = []

  add(code: ErrorCode, message: string, cause?: unknown): void {
    this.#errors.push(new PostroadError(code, message, cause === undefined ? undefined : { cause }))
  }

  /** Those that somebody else gathered. */
  take(errors: readonly PostroadError[]): void {
    this.#errors.push(...errors)
  }

  get any(): boolean {
    return this.#errors.length > 0
  }

  /** @throws {BootError} when there is at least one */
  throwIfAny(): void {
    if (this.any) throw new BootError(this.#errors)
  }
}

function line(error: PostroadError): string {
  const cause = error.cause === undefined ? '' : ` (${textOf(error.cause)})`
  return `  ${error.code}: ${error.message}${cause}\n    ${ERRORS[error.code].fix}`
}
