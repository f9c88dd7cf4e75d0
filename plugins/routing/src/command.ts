/** `postroad routing route ADDRESS`: where its mail goes, and which rules say so. */
import { parseForwardPath, parseReversePath } from '@postroad/mail'
import { type CommandIo, type PluginCommand, waysOf } from '@postroad/plugin'
import type { Question } from './condition.ts'
import { resolve } from './resolve.ts'
import type { Tables } from './table.ts'

const USAGE = 64
const NO_HOST = 68

/** Exits with 0 when there is a route, 68 (EX_NOHOST) when there is none. */
export function routeCommand(tables: () => Tables): PluginCommand {
  return {
    summary: 'Says where the mail of an address goes, and which rules say so',
    usage: '<address> [--from ADDRESS] [--client IP] [--identity NAME] [--listener NAME]',
    onlyLooks: true,
    async run([text, ...args], io) {
      const recipient = parseForwardPath(`<${text ?? ''}>`, { smtputf8: true })?.address
      if (!recipient) return USAGE
      const outcome = await resolve(tables(), recipient, questionOf(args, io))
      if (!outcome) {
        io.row({ address: text, answer: '550 5.7.1 Relaying denied', by: 'no rule' })
        return NO_HOST
      }
      const { answer, by } = outcome
      if ('kind' in answer) {
        io.row({ address: text, answer: `${answer.code} ${answer.status} ${answer.text}`, by: by.join(' → ') })
        return NO_HOST
      }
      for (const { via, host, port, to, settings } of waysOf(answer))
        io.row({
          address: text,
          via,
          host,
          port,
          to: to?.join(' '),
          settings: settings && JSON.stringify(settings),
          by: by.join(' → '),
        })
      return 0
    },
  }
}

function questionOf(args: readonly string[], io: CommandIo): Question {
  const option = (name: string) => args[args.indexOf(name) + 1 || args.length]
  const identity = option('--identity')
  return {
    session: {
      remote: { address: option('--client') ?? '', port: 0 },
      listener: option('--listener') ?? '',
      identity: identity === undefined ? undefined : { name: identity },
      tls: undefined,
      helo: undefined,
    },
    from: parseReversePath(`<${option('--from') ?? ''}>`, { smtputf8: true })?.address,
    context: io,
    find: () => undefined,
  }
}
