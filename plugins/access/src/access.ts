/** Lists of whom to let in and whom to keep out, by what is known of them at each step of the protocol. */

import { lookupDesk } from '@postroad/directory'
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
import { type AccessOptions, type Kind, options } from './options.ts'
import { addressKeys, nameKeys, openTables } from './tables.ts'

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
  async setup(setup) {
    const { options, log, clock, resolve } = setup
    const onError = (file: string, error: Error) =>
      log.error({ file, error }, 'a list cannot be read, its former entries stay')
    const lists = await openLists({ options, now: clock.now, onError, resolve })
    const tables = await openTables(options.tables, setup)
    const uses = (kind: Kind): boolean => lists.uses(kind) || tables.uses(kind)
    const judged = (
      hit: Hit | undefined,
      on: string,
      allow: (allowed: Allowed) => void,
    ): CommandOpinion | undefined => {
      if (hit?.say === 'deny') return denied(options, hit, on)
      if (hit) allow({ pattern: hit.pattern, reason: hit.reason })
      return hit && accept()
    }
    /** The lists here go before directories: they cost nothing. */
    const opinion = (
      hit: Hit | undefined,
      on: string,
      { kind, keys, allow }: { readonly kind: Kind; keys(): readonly string[]; allow(allowed: Allowed): void },
    ): CommandOpinion | undefined | Promise<CommandOpinion | undefined> => {
      const asked = hit || !tables.uses(kind) ? undefined : tables.find(kind, keys())
      return asked ? asked.then((found) => judged(found, on, allow)) : judged(hit, on, allow)
    }
    const usesNames = uses('names')
    return {
      ...(tables.directories.length > 0 && {
        start() {
          for (const directory of tables.directories) directory.start()
        },
        desks: [lookupDesk(tables.directories)],
      }),
      ...((uses('clients') || usesNames) && {
        connect: {
          provides: [allowedClient],
          after: usesNames ? [reverseDns] : [],
          async handler({ session, find, set }) {
            const { address } = session.remote
            const name = usesNames ? find(reverseDns)?.name : undefined
            const hit = lists.client(address) ?? (name === undefined ? undefined : lists.name(name))
            const allow = (allowed: Allowed): void => set(allowedClient, allowed)
            const said = await opinion(hit, 'client', { kind: 'clients', keys: () => [address], allow })
            if (said || hit || name === undefined) return said
            return opinion(undefined, 'client', { kind: 'names', keys: () => nameKeys(name), allow })
          },
        },
      }),
      // HELO is what a stranger says of itself: it can condemn, and exempts from this hook only.
      ...(uses('helo') && {
        helo: ({ helo }) =>
          opinion(lists.helo(helo.name), 'helo', {
            kind: 'helo',
            keys: () => nameKeys(helo.name),
            allow: () => undefined,
          }),
      }),
      ...(uses('senders') && {
        mail: {
          provides: [allowedSender],
          handler: ({ envelope, set }) =>
            opinion(lists.sender(envelope.from), 'reverse-path', {
              kind: 'senders',
              keys: () => addressKeys(envelope.from),
              allow: (allowed) => set(allowedSender, allowed),
            }),
        },
      }),
      ...(uses('recipients') && {
        rcpt: {
          provides: [allowedRecipient],
          handler: ({ recipient, set }) =>
            opinion(lists.recipient(recipient), 'recipient', {
              kind: 'recipients',
              keys: () => addressKeys(recipient),
              allow: (allowed) => set(allowedRecipient, allowed),
            }),
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
      async close() {
        lists.close()
        await tables.close()
      },
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
