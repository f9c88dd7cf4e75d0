/** Says where each recipient's mail goes; without it, or another plugin that does, no mail is accepted at all. */

import { lookupDesk } from '@postroad/directory'
import { sameMailbox } from '@postroad/mail'
import {
  type Address,
  Clock,
  defineFact,
  definePlugin,
  type HookContext,
  knownRecipient,
  type MessageContext,
  type RcptContext,
  type Route,
  Store,
  waysOf,
} from '@postroad/plugin'
import { routeCommand } from './command.ts'
import type { Question } from './condition.ts'
import { judgeContent, tagsFor, withTags } from './content.ts'
import { masqueradeMessage } from './masquerade.ts'
import { options, type RoutingOptions } from './options.ts'
import { type RoutingAnswer, resolve } from './resolve.ts'
import { compile } from './table.ts'
import { type StoreTable, tableCommands } from './table-command.ts'
import { ways } from './ways.ts'

/** What the tables say of the recipient: for `route`, which need not ask again. */
const outcomeFact = defineFact<{ readonly found: Found | Promise<Found> }, 'recipient'>('routing-outcome', 'recipient')

/** Those whose points and facts a rule may ask for. */
const EARLIER = ['spf', 'dkim', 'arc', 'dmarc', 'greylist', 'dnsbl', 'helo', 'mime', 'rate-limit']

/**
 * Which recipient goes where, and who may relay. What no rule knows gets no route, and the core refuses it: 550 5.7.1.
 *
 * @example app.use(routing({ domains: { 'example.com': { via: 'maildir' } } }))
 */
export const routing = definePlugin({
  name: 'routing',
  options,
  needs: { store: Store, clock: Clock },
  async setup(setup) {
    const { options, log, store } = setup
    const onError = (table: string, error: Error) =>
      log.error({ table, error }, 'a table cannot be read, its former entries stay')
    const tables = await compile(options, { ...setup, onError })
    const outcomeOf = (context: RcptContext) => resolve(tables, context.recipient, questionOf(context))
    const hasHold = tables.rules.some((rule) => rule.hold !== undefined)
    const { contentRules, masquerade } = tables
    const directories = tables.tables.flatMap(({ directory }) => directory ?? [])
    return {
      ...(directories.length > 0 && {
        start() {
          for (const directory of directories) directory.start()
        },
        desks: [lookupDesk(directories)],
      }),
      // A user that does not exist is refused at once and for good, not first greylisted.
      rcpt: {
        after: ['access'],
        provides: [knownRecipient, outcomeFact],
        points: false,
        handler(context) {
          const found = outcomeOf(context)
          context.set(outcomeFact, { found })
          return whenFound(found, ({ answer, by = [] }: Partial<RoutingAnswer> = {}) => {
            if (answer && 'kind' in answer) return answer.kind === 'reject' ? answer : undefined
            if (answer && isReplaced(context.recipient, answer)) context.set(knownRecipient, by)
            return undefined
          })
        },
      },
      route: {
        ways: () => ways(options, tables),
        handler: (context) =>
          whenFound(context.find(outcomeFact)?.found ?? outcomeOf(context), (found) => {
            if (found && 'kind' in found.answer && found.answer.kind === 'defer')
              log.error({ recipient: context.recipient.toString(), rules: found.by }, 'no route')
            return found?.answer
          }),
      },
      ...((contentRules.length > 0 || hasHold) && {
        message: {
          after: EARLIER,
          handler: (context: MessageContext) => judgeContent(tables, questionOf(context), context),
        },
      }),
      ...((contentRules.some((rule) => rule.tag) || masquerade) && {
        rewrite: {
          // Signatures come last.
          before: ['dkim-sign', 'arc'],
          handler(context: MessageContext) {
            const tagged = withTags(context.message, tagsFor(tables, questionOf(context), context))
            return masquerade && tables.mayRelay(context.session) ? masqueradeMessage(tagged, masquerade) : tagged
          },
        },
      }),
      commands: { route: routeCommand(() => tables), ...tableCommands(storeTables(options), store) },
      close: () => tables.close(),
    }
  },
})

function storeTables({ tables }: RoutingOptions): readonly StoreTable[] {
  return tables.flatMap(({ store, of }) => (store === undefined ? [] : [{ prefix: store, of }]))
}

type Found = RoutingAnswer | undefined

function whenFound<T>(found: Found | Promise<Found>, say: (found: Found) => T): T | Promise<T> {
  return found instanceof Promise ? found.then(say) : say(found)
}

/** None of the addresses the mail goes to is the recipient's own. */
function isReplaced(recipient: Address, route: Route): boolean {
  return waysOf(route).every(
    ({ to }) => to && !to.some((address) => sameMailbox(address, recipient, { foldCase: true })),
  )
}

function questionOf(context: HookContext & Pick<RcptContext, 'envelope'>): Question {
  return { session: context.session, from: context.envelope.from, context, find: context.find }
}
