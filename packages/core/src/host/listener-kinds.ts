/** The kinds of listeners. A new one is an entry here, and its schema in `config/listen-schema.ts`. */
import type { AnyListen, ListenProtocol, SettingsByProtocol } from '../config/listen.ts'
import { httpKind } from './http-kind.ts'
import type { ListenerKind } from './listener-kind.ts'
import { mailKind } from './mail-kind.ts'
import { milterKind } from './milter-kind.ts'
import { policyKind } from './policy-kind.ts'

const KINDS: { readonly [P in ListenProtocol]: ListenerKind<SettingsByProtocol[P]> } = {
  smtp: mailKind,
  lmtp: mailKind,
  http: httpKind,
  policy: policyKind,
  milter: milterKind,
}

/** Reads options that were judged by the schema of the same protocol. */
export function kindOf(protocol: ListenProtocol): ListenerKind<AnyListen> {
  return KINDS[protocol]
}
