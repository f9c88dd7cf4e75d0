/** Our own listeners, asked as a stranger asks. No message is ever completed. */
import { isIP } from 'node:net'
import type { HealthFinding } from '@postroad/plugin'
import type { Check, DoctorContext, DoctorListener } from '../check.ts'
import { fault, ok, remark } from '../finding.ts'
import { look } from '../look.ts'
import { ProbeClient } from '../probe-client.ts'

/** The greeting, and TLS. */
export const greeting: Check = {
  name: 'greeting',
  group: 'self',
  summary: 'Each listener greets with the host name and offers TLS.',
  rfc: 'RFC 5321 §4.2',
  run: async (context) => Promise.all(context.listeners.map((listener) => greet(listener, context))),
}

async function greet(listener: DoctorListener, { world, hostname }: DoctorContext): Promise<HealthFinding> {
  const { name, host, port, isImplicitTls } = listener
  const place = `${name} ${host}:${port}`
  let wire: ProbeClient
  try {
    wire = await ProbeClient.open(listener, world)
  } catch (error) {
    return fault(place, `nobody answers: ${error instanceof Error ? error.message : error}`, {
      fix: 'Start the server; if it runs, look at its log and the firewall.',
    })
  }
  try {
    const banner = await wire.reply()
    if (banner.code !== 220)
      return fault(place, `greets with ${banner.code} ${banner.lines[0] ?? ''}`, {
        rfc: 'RFC 5321 §3.1',
        fix: 'Look why in the log of the server.',
      })
    const said = (banner.lines[0] ?? '').split(' ')[0]?.toLowerCase()
    const ehlo = await wire.ask('EHLO doctor.invalid')
    const offers = ehlo.lines.map((line) => line.toUpperCase())
    if (said !== hostname.toLowerCase())
      return remark(place, `calls itself ${said}, and not ${hostname}`, {
        rfc: 'RFC 5321 §4.2',
        fix: 'Another server answers there, or the configuration was not reloaded.',
      })
    if (ehlo.code === 250 && !isImplicitTls && !offers.includes('STARTTLS'))
      return fault(place, 'does not offer STARTTLS: mail comes in the clear', {
        rfc: 'RFC 3207 §4',
        fix: 'Give the listener certificateFiles.',
      })
    const auth = offers.find((line) => line.startsWith('AUTH '))
    if (auth !== undefined && !isImplicitTls)
      return fault(place, `offers ${auth} in the clear`, {
        rfc: 'RFC 8314 §3.3',
        fix: 'Take authWithoutTls out of the listener.',
      })
    return ok(place, `${banner.lines[0]}${isImplicitTls ? ', under TLS' : ', STARTTLS'}`)
  } catch (error) {
    return fault(place, error instanceof Error ? error.message : String(error), {
      fix: 'Look at the log of the server.',
    })
  } finally {
    wire.close()
  }
}

/** RFC 2505 §2.1: mail for elsewhere from nobody, in the spellings by which servers have been fooled. */
const FOREIGN = (domain: string): readonly string[] => [
  '<probe@relay-test.invalid>',
  `<probe%relay-test.invalid@${domain}>`,
  `<@${domain}:probe@relay-test.invalid>`,
  `<relay-test.invalid!probe@${domain}>`,
  `<"probe@relay-test.invalid"@${domain}>`,
  '<probe@[192.0.2.1]>',
]

/** Open relay. */
export const relay: Check = {
  name: 'relay',
  group: 'self',
  summary: 'Nobody who has not logged in can send mail to elsewhere through us, in any spelling of the recipient.',
  rfc: 'RFC 5321 §7.9',
  run: async (context) =>
    (await Promise.all(context.listeners.map((listener) => relays(listener, context)))).flatMap((found) => found ?? []),
}

async function relays(listener: DoctorListener, context: DoctorContext): Promise<readonly HealthFinding[] | undefined> {
  const [domain = context.hostname] = context.domains
  const place = `${listener.name} ${listener.host}:${listener.port}`
  return asking(listener, context, async (wire) => {
    const accepted: string[] = []
    for (const path of FOREIGN(domain)) {
      const mail = await wire.ask('MAIL FROM:<doctor@relay-test.invalid>')
      // Who wants a login says so here.
      if (mail.code < 300) {
        const { code } = await wire.ask(`RCPT TO:${path}`)
        if (code >= 200 && code < 300) accepted.push(path)
      }
      await wire.ask('RSET')
    }
    // A local part is the domain's own affair: that somebody is called "a%b" here is no relay.
    const elsewhere = accepted.filter((path) => !path.endsWith(`@${domain}>`) || path.startsWith(`<@${domain}:`))
    if (elsewhere.length > 0 && listener.isAskedFromInside)
      return [
        remark(place, `takes mail for elsewhere from this machine; whether from others, too, is not known`, {
          rfc: 'RFC 5321 §7.9',
          fix: 'Ask from outside: postroad send --server HOST --to somebody@elsewhere.',
        }),
      ]
    if (elsewhere.length > 0)
      return [
        fault(place, `takes mail for ${elsewhere.join(', ')} from anybody`, {
          rfc: 'RFC 5321 §7.9',
          fix: 'Let only who has logged in relay: relay: { authenticated: true } of routing; `postroad explain` shows who is trusted.',
        }),
      ]
    if (accepted.length > 0)
      return [
        remark(place, `takes every local part, ${accepted[0]} too`, {
          rfc: 'RFC 5321 §7.9',
          fix: 'Use recipients, so that only those that are there are taken.',
        }),
      ]
    return [ok(place, `refuses ${FOREIGN(domain).length} spellings of a foreign recipient`)]
  })
}

/** Ends of a message that are none; what follows them would be a second message. */
const ENDS: readonly (readonly [name: string, octets: string])[] = [
  ['LF.LF', '\n.\n'],
  ['LF.CRLF', '\n.\r\n'],
  ['CRLF.LF', '\r\n.\n'],
  ['CR.CR', '\r.\r'],
  ['CR.CRLF', '\r.\r\n'],
  ['CRLF.CR', '\r\n.\r'],
  ['CRLF NUL.CRLF', '\r\n\0.\r\n'],
]

/** SMTP smuggling. */
export const smuggling: Check = {
  name: 'smuggling',
  group: 'self',
  summary: 'A message ends with CRLF.CRLF and nothing else, so that no second one can be hidden in it.',
  rfc: 'RFC 5321 §4.1.1.4',
  run: async (context) =>
    (
      await Promise.all(
        context.listeners.filter(({ isPublic }) => isPublic).map((listener) => smuggles(listener, context)),
      )
    ).flat(),
}

async function smuggles(listener: DoctorListener, context: DoctorContext): Promise<readonly HealthFinding[]> {
  const place = `${listener.name} ${listener.host}:${listener.port}`
  const answers = await Promise.all(ENDS.map((end) => smuggle(end, listener, context)))
  const all = answers.flatMap((one) => one ?? [])
  const faults = all.filter(({ state }) => state === 'fault')
  if (faults.length > 0) return faults
  const [trouble] = all
  if (trouble === undefined && answers.includes(undefined)) return []
  return [trouble ?? ok(place, `none of ${ENDS.length} other sequences ends a message`)]
}

/** Nothing where the server reads on, or refuses. */
function smuggle(
  [name, octets]: (typeof ENDS)[number],
  listener: DoctorListener,
  context: DoctorContext,
): Promise<readonly HealthFinding[] | undefined> {
  const [domain = context.hostname] = context.domains
  const place = `${listener.name} ${listener.host}:${listener.port}`
  return asking(listener, context, async (wire) => {
    const mail = await wire.ask('MAIL FROM:<>')
    const rcpt = mail.code < 300 ? await wire.ask(`RCPT TO:<postmaster@${domain}>`) : mail
    const data = rcpt.code < 300 ? await wire.ask('DATA') : rcpt
    if (data.code !== 354) {
      const evidence = `postmaster@${domain} is not taken now (${data.code} ${data.lines[0] ?? ''}): nothing could be tried`
      const fix = 'Give postmaster a route; greylisting may be the reason, then ask again later.'
      return [remark(place, evidence, { rfc: 'RFC 5321 §4.5.1', fix })]
    }
    wire.send(`Subject: postroad doctor, smuggling test: please ignore\r\n\r\ntest${octets}NOOP\r\n`)
    if (!(await wire.hasReply(QUIET_MS))) return []
    const { code, lines } = await wire.reply()
    // A server may refuse such octets and close: that is as good as to read on.
    if (code >= 400) return []
    const fix = 'Take normalise out of the listener; a filter in front that rewrites line ends has to stop it.'
    return [fault(place, `${name} ends a message: ${code} ${lines[0] ?? ''}`, { rfc: 'RFC 5321 §4.1.1.4', fix })]
  })
}

/** Milliseconds after which a server that has said nothing waits for the end of the message. */
const QUIET_MS = 400

/** Undefined: nobody answers, which the check of the greeting says. */
async function asking(
  listener: DoctorListener,
  { world }: DoctorContext,
  run: (wire: ProbeClient) => Promise<readonly HealthFinding[]>,
): Promise<readonly HealthFinding[] | undefined> {
  const wire = await ProbeClient.open(listener, world).catch(() => undefined) // as above
  if (wire === undefined) return undefined
  try {
    const banner = await wire.reply()
    if (banner.code !== 220) return undefined
    await wire.ask('EHLO doctor.invalid')
    return await run(wire)
  } catch (error) {
    const place = `${listener.name} ${listener.host}:${listener.port}`
    const evidence = error instanceof Error ? error.message : String(error)
    return [remark(place, evidence, { fix: 'Ask again; look at the log of the server.' })]
  } finally {
    // Without its last dot the message is none.
    wire.close()
  }
}

/** Port 25 from outside. */
export const portIn: Check = {
  name: 'port-in',
  group: 'outside',
  summary: 'At the addresses that MX records lead to somebody answers on port 25.',
  rfc: 'RFC 5321 §4.5.4.2',
  run: async (context) => Promise.all([...new Set(context.addresses)].map((ip) => answers(ip, context))),
}

async function answers(host: string, { world, hostname }: DoctorContext): Promise<HealthFinding> {
  const place = host.includes(':') ? `[${host}]:25` : `${host}:25`
  const rfc = 'RFC 5321 §4.5.4.2'
  try {
    const wire = await ProbeClient.open({ host, port: 25, isImplicitTls: false }, world)
    try {
      const { code, lines } = await wire.reply()
      if (code !== 220) return fault(place, `${code} ${lines[0] ?? ''}`, { rfc, fix: 'Look at the log of the server.' })
      const [name = ''] = (lines[0] ?? '').split(' ')
      if (name.toLowerCase() !== hostname.toLowerCase())
        return remark(place, `${name} answers there, and not ${hostname}`, {
          rfc,
          fix: 'Another server has the port, or something in between answers for us.',
        })
      return ok(place, lines[0] ?? '')
    } finally {
      wire.close()
    }
  } catch (error) {
    return fault(place, `nobody answers: ${error instanceof Error ? error.message : error}`, {
      rfc,
      fix: 'Open port 25 in the firewall and forward it; a router may hide it from inside only.',
    })
  }
}

/** Port 25 to the outside. */
export const portOut: Check = {
  name: 'port-out',
  group: 'outside',
  summary: 'Mail hosts of others can be reached on port 25: many providers of machines close it.',
  rfc: 'RFC 5321 §4.5.4.1',
  async run({ outbound, dns, signal, world }) {
    const tried: string[] = []
    for (const domain of outbound) {
      const found = await look(dns.mx(domain, signal))
      const [first] = found.isKnown ? found.records.toSorted((one, other) => one.preference - other.preference) : []
      const host = first?.exchange ?? (isIP(domain) === 0 ? undefined : domain)
      const answer = host === undefined || isIP(host) !== 0 ? undefined : await look(dns.a(host, signal))
      const [ip = isIP(host ?? '') === 0 ? undefined : host] = answer?.isKnown ? answer.records : []
      if (ip === undefined) continue
      try {
        const wire = await ProbeClient.open({ host: ip, port: 25, isImplicitTls: false }, world)
        const { code } = await wire.reply().finally(() => wire.close())
        return [ok('port 25', `${host} answers (${code})`)]
      } catch {
        tried.push(host ?? ip)
      }
    }
    if (tried.length === 0)
      return outbound.length === 0
        ? []
        : [
            remark('port 25', `no mail host of ${outbound.join(', ')} is known to DNS`, {
              fix: 'Say others with --outbound.',
            }),
          ]
    return [
      fault('port 25', `no connection to ${tried.join(', ')}: mail cannot be sent`, {
        rfc: 'RFC 5321 §4.5.4.1',
        fix: 'Ask the provider of the machine to open port 25, or send through a relay: relay of routing.',
      }),
    ]
  },
}

/** TLS as others find it. */
export const inboundTls: Check = {
  name: 'inbound-tls',
  group: 'outside',
  summary: 'Who brings mail to the domain comes to TLS with its hosts, as `postroad tls explain --connect` shows it.',
  rfc: 'RFC 3207 §4',
  async run({ domains, inboundTls: find, signal }) {
    if (find === undefined) return []
    const all = await Promise.all(
      domains.map(async (domain) => (await find(domain, signal)).map((one) => judgeTls(domain, one))),
    )
    return all.flat()
  },
}

function judgeTls(
  domain: string,
  {
    host,
    address,
    tls,
    reason,
  }: { host: string; address: string | undefined; tls: string | undefined; reason: string | undefined },
): HealthFinding {
  const place = `${domain} → ${host}${address === undefined ? '' : ` ${address}`}`
  if (tls === undefined)
    return fault(place, reason ?? 'no TLS', {
      rfc: 'RFC 3207 §4',
      fix: `postroad tls explain ${domain} --connect shows each step.`,
    })
  if (/TLSv1(?:\.1)?\b(?!\.)/.test(tls))
    return fault(place, `${tls}, which is not to be used`, {
      rfc: 'RFC 8996 §4',
      fix: 'Let the listener speak TLS 1.2 and 1.3.',
    })
  return ok(place, tls)
}
