/** The command that surveys a domain: `postroad tls explain`, and `tls` of a queue. */
import { domainToASCII } from 'node:url'
import { type Survey, type SurveyContext, surveyTls } from './survey.ts'
import { surveyText } from './survey-text.ts'

/** A command of a plugin, in the shape of `PluginCommand`. */
export interface TlsCommand {
  readonly summary: string
  readonly usage: string
  readonly onlyLooks: true
  run(
    args: readonly string[],
    io: { readonly json: boolean; readonly signal: AbortSignal; print(line: string): void },
  ): Promise<number>
}

const USAGE = 64
/** What DNS or a server has said must not write on the terminal. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g

/** Exit code 0 when at least one host may have mail, 1 when none may, 64 when the arguments are wrong. */
export function tlsCommand(context: SurveyContext): TlsCommand {
  return {
    summary: 'what TLS with the mail hosts of a domain must be, and why; --connect: and what it comes to',
    usage: '<domain> [--connect]',
    onlyLooks: true,
    async run(args, { json, signal, print }) {
      const names = args.filter((arg) => arg !== '--connect')
      const domain = names.length === 1 ? domainOf(names[0] ?? '') : undefined
      if (domain === undefined) return USAGE
      const survey = await surveyTls(domain, context, { connect: args.includes('--connect'), signal })
      if (json) print(JSON.stringify(survey))
      else for (const line of surveyText(survey)) print(line.replace(CONTROL, '·'))
      return mayHaveMail(survey) ? 0 : 1
    },
  }
}

/** A domain or the domain of an address, as A-labels; undefined when it is none. */
function domainOf(text: string): string | undefined {
  const domain = text.slice(text.lastIndexOf('@') + 1).replace(/\.$/, '')
  if (/^\[[0-9A-Za-z:.]+\]$/.test(domain)) return domain
  const ascii = domainToASCII(domain).toLowerCase()
  return /^(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/.test(ascii) && !domain.startsWith('-') ? ascii : undefined
}

function mayHaveMail({ route, hosts }: Survey): boolean {
  if (route.via !== 'smtp') return true
  return hosts.some(({ addresses }) =>
    addresses.some(
      ({ policy, connection }) => !('refusal' in policy) && (connection === undefined || !('failed' in connection)),
    ),
  )
}
