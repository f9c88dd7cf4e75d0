/** What a listener wants of the key exchange of TLS before it takes mail or a password. */
import { meetsGroup } from '@postroad/mail'
import type { Conversation } from '../session/conversation.ts'
import type { WireReply } from '../stages.ts'
import { reply } from '../wire/reply.ts'

/** A deferral where TLS is weaker than the operator's minimum: it names both groups, for who has to mend it. */
export function weakExchange({ settings, tls }: Pick<Conversation, 'settings' | 'tls'>): WireReply | undefined {
  const { minimumGroup } = settings
  if (minimumGroup === undefined || tls === undefined || meetsGroup(tls.group, minimumGroup)) return undefined
  const agreed = tls.group ?? 'a key exchange without a group'
  return reply(454, '4.7.5', `TLS agreed on ${agreed}, and at least ${minimumGroup} is required here`)
}
