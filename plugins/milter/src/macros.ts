/** The macros of Sendmail and Postfix, by what is known of session and envelope. */
import type { MacroSource } from '@postroad/milter-protocol/client'
import type { Address, Envelope, Session } from '@postroad/plugin'

/** What macros are made of. */
export interface MacroFacts {
  readonly session: Session
  /** The client's name, or its address in brackets. */
  readonly client: string
  readonly hostname: string
  /** The operator's own, which go before. */
  readonly own: ReadonlyMap<string, string>
  readonly envelope?: Pick<Envelope, 'id' | 'from'> | undefined
  readonly recipient?:
    | { readonly address: Address; readonly via?: string | undefined; readonly host?: string | undefined }
    | undefined
}

/** Macros of one command. Of what is not known there is none: that a client has not logged in is no login with an empty name. */
export function macrosOf(facts: MacroFacts): MacroSource {
  return (name) => facts.own.get(name) ?? known(name, facts)
}

function known(name: string, { session, client, hostname, envelope, recipient }: MacroFacts): string | undefined {
  const { remote, local, tls, identity } = session
  switch (name) {
    case 'j':
      return hostname
    case 'v':
      return 'Postroad'
    case 'i':
      return envelope?.id
    case '_':
      return remote.address === '' ? client : `${client.startsWith('[') ? 'unknown' : client} [${remote.address}]`
    case 'daemon_name':
      return session.listener
    case 'daemon_addr':
    case 'if_addr':
      return local.address === '' ? undefined : local.address
    case 'daemon_port':
      return local.port === 0 ? undefined : String(local.port)
    case 'client_addr':
      return remote.address
    case 'client_port':
      return String(remote.port)
    case 'client_name':
      return client.startsWith('[') ? 'unknown' : client
    case 'client_ptr':
      return client.startsWith('[') ? 'unknown' : client
    case 'tls_version':
      return tls?.version
    case 'cipher':
      return tls?.cipher
    case 'cert_subject':
      return tls?.client?.subject
    case 'auth_authen':
      return identity?.name
    case 'auth_type':
      return identity && (identity.attributes?.['mechanism'] ?? 'SASL')
    case 'mail_addr':
      return envelope && String(envelope.from ?? '')
    case 'mail_host':
      return envelope?.from?.domain
    case 'mail_mailer':
      return envelope && 'smtp'
    case 'rcpt_addr':
      return recipient && String(recipient.address)
    case 'rcpt_host':
      return recipient && (recipient.host ?? recipient.address.domain)
    case 'rcpt_mailer':
      return recipient && (recipient.via ?? 'smtp')
    default:
      return undefined
  }
}
