/** Lists of whom to let in and whom to keep out, by what is known of them at each step of the protocol. */

import { parseAddress } from '@postroad/mail'
import {
  type Allowed,
  accept,
  allowedClient,
  allowedRecipient,
  allowedSender,
  Clock,
  type CommandIo,
  type CommandOpinion,
  definePlugin,
  opinionOf,
  reverseDns,
} from '@postroad/plugin'
import { type Hit, type Lists, openLists } from './lists.ts'
import { type AccessOptions, options } from './options.ts'

/**
 * Allow and deny lists. An allowed client, reverse-path or recipient ends the hook (later plugins are not asked) and is
 * written as a fact; a denied one is refused.
 *
 * @example app.use(access({ allow: { clients: ['192.0.2.0/24'] }, deny: { senders: ['*.spam.example'] } }))
 */
export const access = definePlugin({
  name: 'access',
  options,
  needs: { clock: Clock },
  async setup({ options, log, clock, resolve }) {
    const onError = (file: string, error: Error) =>
      log.error({ file, error }, 'a list cannot be read, its former entries stay')
    const lists = await openLists({ options, now: clock.now, onError, resolve })
    const opinion = (
      hit: Hit | undefined,
      on: string,
      allow: (allowed: Allowed) => void,
    ): CommandOpinion | undefined => {
      if (hit?.say === 'deny') return denied(options, hit, on)
      if (hit) allow({ pattern: hit.pattern, reason: hit.reason })
      return hit && accept()
    }
    const usesNames = lists.uses('names')
    return {
      ...((lists.uses('clients') || usesNames) && {
        connect: {
          provides: [allowedClient],
          after: usesNames ? [reverseDns] : [],
          handler({ session, find, set }) {
            const name = usesNames ? find(reverseDns)?.name : undefined
            const hit = lists.client(session.remote.address) ?? (name === undefined ? undefined : lists.name(name))
            return opinion(hit, 'client', (allowed) => set(allowedClient, allowed))
          },
        },
      }),
      // HELO is what a stranger says of itself: it can condemn, and exempts from this hook only.
      ...(lists.uses('helo') && { helo: ({ helo }) => opinion(lists.helo(helo.name), 'helo', () => undefined) }),
      ...(lists.uses('senders') && {
        mail: {
          provides: [allowedSender],
          handler: ({ envelope, set }) =>
            opinion(lists.sender(envelope.from), 'reverse-path', (allowed) => set(allowedSender, allowed)),
        },
      }),
      ...(lists.uses('recipients') && {
        rcpt: {
          provides: [allowedRecipient],
          handler: ({ recipient, set }) =>
            opinion(lists.recipient(recipient), 'recipient', (allowed) => set(allowedRecipient, allowed)),
        },
      }),
      commands: {
        check: {
          summary: 'Says what the lists say of an address, a network or a name',
          usage: '<client | name | address>',
          onlyLooks: true,
          async run([what = ''], io) {
            report(lists, what, io)
          },
        },
      },
      close: () => lists.close(),
    }
  },
})

function denied({ action, text }: AccessOptions, hit: Hit, on: string): CommandOpinion | undefined {
  return opinionOf(action, { text, reason: `${on} is denied by ${hit.pattern}${hit.reason ? `: ${hit.reason}` : ''}` })
}

function report(lists: Lists, what: string, { row }: CommandIo): void {
  const address = what === '<>' ? undefined : parseAddress(what, { smtputf8: true })
  const isPath = what === '<>' || address !== undefined
  const found: Record<string, Hit | undefined> = {
    client: lists.client(what),
    name: isPath ? undefined : lists.name(what.toLowerCase()),
    helo: isPath ? undefined : lists.helo(what),
    sender: isPath ? lists.sender(address) : undefined,
    recipient: address && lists.recipient(address),
  }
  for (const [as, hit] of Object.entries(found)) {
    if (hit)
      row({
        as,
        say: hit.say,
        pattern: hit.pattern,
        reason: hit.reason,
        until: Number.isFinite(hit.until) ? new Date(hit.until).toISOString() : undefined,
      })
  }
}
