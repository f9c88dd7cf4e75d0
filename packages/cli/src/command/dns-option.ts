/** `--dns`: resolvers for one command, in place of those of the configuration. */
import { InvalidArgumentError } from 'commander'

/** For `--dns`, which may be given several times. @throws {InvalidArgumentError} */
export function dnsServer(text: string, before: readonly string[] = []): readonly string[] {
  if (!/^(?:\[[0-9A-Fa-f:.]+\](?::\d{1,5})?|[0-9.]+(?::\d{1,5})?|[0-9A-Fa-f:]+)$/.test(text))
    throw new InvalidArgumentError('the address of a resolver: 127.0.0.1, 127.0.0.1:5353 or [::1]:5353.')
  return [...before, text]
}

/** Resolvers on the command line are the operator's own choice, and so is whether they are believed: those on this machine are. */
export function dnsOf(servers: readonly string[] | undefined): {
  readonly dns?: { readonly servers: readonly string[] }
} {
  return servers === undefined ? {} : { dns: { servers } }
}
