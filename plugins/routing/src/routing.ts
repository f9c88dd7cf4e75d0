/** Says where each recipient's mail goes; without it, or another plugin that does, no mail is accepted at all. */
import { definePlugin, type RcptContext } from '@postroad/plugin'
import { options } from './options.ts'
import { resolve } from './resolve.ts'
import { compile } from './table.ts'

/**
 * Which recipient goes where, and who may relay. What no rule knows gets no route, and the core refuses it: 550 5.7.1.
 *
 * @example app.use(routing({ domains: { 'example.com': { via: 'maildir' } } }))
 */
export const routing = definePlugin({
  name: 'routing',
  options,
  setup({ options, log }) {
    const tables = compile(options)
    const outcome = ({ recipient, session, envelope }: RcptContext) => resolve(tables, recipient, { session, from: envelope.from })
    return {
      // A user that does not exist is refused at once and for good, not first greylisted.
      rcpt(context) {
        const answer = outcome(context)?.answer
        return answer && 'kind' in answer && answer.kind === 'reject' ? answer : undefined
      },
      route(context) {
        const found = outcome(context)
        if (found && 'kind' in found.answer && found.answer.kind === 'defer')
          log.error({ recipient: context.recipient.toString(), rules: found.by }, 'no route')
        return found?.answer
      },
    }
  },
})
