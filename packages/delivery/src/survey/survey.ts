/** What TLS with the mail hosts of a domain would be, and why: the same questions as before a delivery, without a message. */
import { isIP } from 'node:net'
import {
  type Address,
  type Job,
  memorySource,
  parseAddress,
  type Reply,
  type Route,
  type TlsNote,
  type TlsOutcome,
  type TlsPolicy,
  type TlsQuestion,
} from '@postroad/mail'
import { openConnection } from '../client/connect.ts'
import { ConnectError } from '../client/connect-error.ts'
import type { Target } from '../client/target.ts'
import { TIMEOUTS } from '../client/timeouts.ts'
import { TlsMemory } from '../client/tls-memory.ts'
import { findAddresses, findMailHosts, type HostAddress, type MailHost, type MxResolver, RouteError } from '../mx.ts'
import { localPolicy } from '../open-transports.ts'
import { TlsChoice, type TlsChooser } from '../tls-choice.ts'
import type { TransportOptions } from '../transport-options.ts'

/** What a survey is made with. */
export interface SurveyContext {
  /** Name for EHLO. */
  readonly hostname: string
  readonly dns: MxResolver
  readonly smtp: Pick<TransportOptions['smtp'], 'tls' | 'port' | 'localAddress' | 'tlsOptional'>
  /** The plugins that answer for what is published. */
  readonly tlsPolicy?: TlsChooser
  /** How mail for an address goes, as `DeliveryHooks` says it. What is no route: by MX. */
  routeOf?(recipient: Address): Promise<Route | object | undefined>
  /** What is published of a host, whether a plugin obeys it or not. */
  look?(question: TlsQuestion, signal: AbortSignal): Promise<readonly TlsNote[]>
}

/** One domain, host by host. */
export interface Survey {
  readonly domain: string
  /** How its mail goes: by MX, to a host of the operator's, or to a transport that needs no TLS. */
  readonly route: { readonly via: string; readonly host?: string; readonly tls?: string }
  /** Why it goes nowhere. */
  readonly reply?: Reply
  readonly hosts: readonly SurveyedHost[]
}

/** A mail host. */
export interface SurveyedHost {
  readonly name: string
  readonly preference: number
  /** DNSSEC vouches for the way from the domain to this name; undefined where the operator has named it. */
  readonly isSigned: boolean | undefined
  /** DNS did not answer for all of its addresses. */
  readonly isIncomplete: boolean
  readonly addresses: readonly SurveyedAddress[]
}

/** One address of a host: DANE is by address. */
export interface SurveyedAddress {
  /** Undefined for a host that is looked up when it is connected to. */
  readonly address: string | undefined
  readonly isSigned: boolean
  /** The name that has it, where the host is an alias. */
  readonly canonical?: string
  /** What is published, and whether a plugin of the configuration has asked for it. */
  readonly published: readonly (TlsNote & { readonly isObeyed: boolean })[]
  readonly policy: SurveyedPolicy
  readonly connection?: SurveyedConnection
}

/** What holds, or why the host gets no mail. */
export type SurveyedPolicy =
  | (Pick<TlsPolicy, 'mode' | 'id' | 'servername' | 'minimumGroup'> & {
      /** `dane`, `sts`, `route`, or `options` where only the operator's options say it. */
      readonly source: string
      /** The certificate must prove something. */
      readonly isVerified: boolean
    })
  | { readonly refusal: Reply }

/** What came of connecting. */
export type SurveyedConnection =
  | { readonly tls: TlsOutcome; readonly passesRequireTls: boolean }
  | { readonly tls: 'none'; readonly reason: string }
  | { readonly failed: string; readonly stage: string }

/** Surveys. Does not reject for anything that DNS or a host does. @throws what `routeOf` throws */
export async function surveyTls(
  domain: string,
  context: SurveyContext,
  { connect, signal }: { readonly connect: boolean; readonly signal: AbortSignal },
): Promise<Survey> {
  const route = await routeTo(domain, context)
  const { via, host, settings } = route
  const tls: unknown = settings?.['tls']
  const shown = { via, ...(host !== undefined && { host }), ...(typeof tls === 'string' && { tls }) }
  if (via !== 'smtp') return { domain, route: shown, hosts: [] }
  try {
    const hosts: readonly MailHost[] =
      host === undefined
        ? await findMailHosts(domain, { dns: context.dns, signal, isOwn: () => false })
        : [{ name: host, preference: 0, isSecure: false }]
    const look = new Look(context, { domain: host === undefined ? domain : undefined, route, connect, signal })
    const surveyed: SurveyedHost[] = []
    for (const one of hosts) surveyed.push(await look.host(one))
    return { domain, route: shown, hosts: surveyed }
  } catch (error) {
    if (!(error instanceof RouteError)) throw error
    return { domain, route: shown, reply: error.reply, hosts: [] }
  }
}

async function routeTo(domain: string, context: SurveyContext): Promise<Omit<Route, 'to' | 'also'>> {
  const address = parseAddress(`postmaster@${domain}`)
  const found = address && (await context.routeOf?.(address))
  return found && 'via' in found ? found : { via: 'smtp' }
}

interface LookOptions {
  /** Undefined for a next hop that the operator has named. */
  readonly domain: string | undefined
  readonly route: Omit<Route, 'to' | 'also'>
  readonly connect: boolean
  readonly signal: AbortSignal
}

class Look {
  readonly #context: SurveyContext
  readonly #options: LookOptions
  readonly #choice: TlsChoice
  readonly #job: Job

  constructor(context: SurveyContext, options: LookOptions) {
    this.#context = context
    this.#options = options
    const { smtp, tlsPolicy } = context
    this.#choice = new TlsChoice({ tls: localPolicy(smtp), ...(tlsPolicy && { tlsPolicy }), tlsOptional: false })
    const { route, signal } = options
    this.#job = { route, signal, from: undefined, parameters: {}, recipients: [], message: EMPTY }
  }

  async host(host: MailHost): Promise<SurveyedHost> {
    const { domain, signal } = this.#options
    const { dns } = this.#context
    const found =
      domain === undefined
        ? { addresses: [undefined], isIncomplete: false }
        : await findAddresses(host.name, { dns, signal })
    const addresses: SurveyedAddress[] = []
    for (const address of found.addresses) addresses.push(await this.#address(host, address))
    const { name, preference, isSecure } = host
    return {
      name,
      preference,
      isSigned: domain === undefined ? undefined : isSecure,
      isIncomplete: found.isIncomplete,
      addresses,
    }
  }

  async #address(host: MailHost, found: HostAddress | undefined): Promise<SurveyedAddress> {
    const { domain, route, signal, connect } = this.#options
    const { smtp, look } = this.#context
    const notes = new Map<string, TlsNote>()
    const port = domain === undefined ? (route.port ?? 25) : (smtp.port ?? 25)
    const question: TlsQuestion = {
      domain,
      canonicalDomain: host.owner ?? domain,
      host,
      address: found?.address,
      isAddressSecure: found?.isSecure ?? false,
      canonical: found?.canonical ?? host.name,
      port,
      isRequired: false,
      note: (note) => void notes.set(note.source, note),
    }
    const chosen = await this.#choice.of(question, this.#job)
    const published = [...notes.values()].map((note) => ({ ...note, isObeyed: true }))
    for (const note of (await look?.(question, signal)) ?? [])
      if (!notes.has(note.source)) published.push({ ...note, isObeyed: false })
    const policy = 'refusal' in chosen ? chosen : shownPolicy(chosen, route)
    const seen: SurveyedAddress = {
      address: found?.address,
      isSigned: question.isAddressSecure,
      ...(question.canonical !== host.name && { canonical: question.canonical }),
      published,
      policy,
    }
    if (!connect || 'refusal' in chosen) return seen
    const { localAddress } = smtp
    const target: Target = {
      protocol: 'smtp',
      host: host.name,
      port,
      tls: chosen,
      ...(found && { address: found.address }),
      ...(localAddress !== undefined && isIP(localAddress) === isIP(found?.address ?? '') && { localAddress }),
    }
    return { ...seen, connection: await this.#connect(target) }
  }

  async #connect(target: Target): Promise<SurveyedConnection> {
    try {
      const memory = new TlsMemory()
      const connection = await openConnection(target, {
        hostname: this.#context.hostname,
        timeouts: { ...TIMEOUTS, connect: PATIENCE_MS, greeting: PATIENCE_MS, command: PATIENCE_MS },
        signal: this.#options.signal,
        memory,
      })
      const { tls, extensions } = connection
      connection.leave()
      if (tls === undefined) return { tls: 'none', reason: 'the host offers no TLS, or its TLS does not work' }
      return { tls, passesRequireTls: extensions.requireTls }
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error
      return { failed: error.reply.text, stage: error.stage }
    }
  }
}

/** Milliseconds that who looks waits for each step: nobody sits before a screen for five minutes. */
const PATIENCE_MS = 20_000

/** No message says `TLS-Required: No`. */
const EMPTY = memorySource([])

function shownPolicy(policy: TlsPolicy, { settings }: Pick<Route, 'settings'>): SurveyedPolicy {
  const { mode, id, servername, minimumGroup, verify = false, authenticate, source } = policy
  const isOwn = settings?.['tls'] !== undefined
  return {
    mode,
    source: source ?? (isOwn ? 'route' : 'options'),
    isVerified: mode !== 'opportunistic' && (verify || authenticate !== undefined),
    ...(id !== undefined && { id }),
    ...(servername !== undefined && { servername }),
    ...(minimumGroup !== undefined && { minimumGroup }),
  }
}
