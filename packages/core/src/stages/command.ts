/** VRFY, EXPN, HELP and unknown verbs: a plugin's reply, or the standard's. */
import type { CommandReply } from '@postroad/plugin'
import type { Maybe, WireReply } from '@postroad/smtp'
import type { Turns } from '../plan/hook-table.ts'
import { after } from '../run/after.ts'
import { HookCall } from '../run/call.ts'
import { reply as asReply } from '../run/check.ts'
import { type FirstAnswer, first } from '../run/first.ts'
import { Failure } from '../run/guard.ts'
import type { SessionState } from '../session/session.ts'
import type { Transaction } from '../session/transaction.ts'
import { toReply } from './refuse.ts'

type CommandHook = 'verify' | 'expand' | 'help' | 'unknown'

const SILENCE: Readonly<Record<CommandHook, WireReply>> = {
  // RFC 5321 §3.5.3: neither confirms nor denies that the mailbox is there.
  verify: { code: 252, status: '2.5.1', text: 'Cannot verify the user; send some mail, it will be tried' },
  expand: { code: 502, status: '5.5.1', text: 'Lists are not expanded here' },
  help: { code: 214, status: '2.0.0', text: 'This is Postroad; commands are those of RFC 5321 and what EHLO says' },
  unknown: { code: 500, status: '5.5.2', text: 'Command not recognized' },
}

/** Answers one of the four, in a transaction or outside of one. */
export function command<K extends CommandHook>(
  caller: SessionState | Transaction,
  hook: K,
  line: { readonly verb: string; readonly argument: string },
): Maybe<WireReply> {
  const { table }: { readonly table: Turns } = caller.scope
  const handlers = table[hook]
  if (!handlers) return SILENCE[hook]
  const answer = first(handlers, new HookCall(hook, caller, line), asReply)
  return after(answer, decided, hook)
}

function decided(answer: FirstAnswer<CommandReply> | undefined, hook: CommandHook): WireReply {
  if (!answer) return SILENCE[hook]
  const { value } = answer
  if (value instanceof Failure) return value.refusal ? toReply(value.refusal) : SILENCE[hook]
  return {
    code: value.code,
    status: value.status,
    text: value.text.includes('\n') ? value.text.split('\n') : value.text,
  }
}
