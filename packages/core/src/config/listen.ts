/**
 * A listener as an operator writes it, by its kind: `protocol` says which. What all kinds have in common stands in `AnyListen`; the schemas are
 * in `listen-schema.ts`, and what opens them in `host/listener-kinds.ts`.
 */
import type { HttpListenerOptions } from '@postroad/http'
import type { CertificateFiles } from '@postroad/listener'
import type { MilterListenerOptions } from '@postroad/milter-protocol/server'
import type { PolicyListenerOptions } from '@postroad/policy-service'
import type { ListenerOptions } from '@postroad/smtp'

type Limits = NonNullable<ListenerOptions['limits']>
type GreetingOptions = NonNullable<ListenerOptions['greeting']>
type StressOptions = NonNullable<ListenerOptions['stress']>
type HttpLimits = NonNullable<HttpListenerOptions['limits']>
type PolicyLimits = NonNullable<PolicyListenerOptions['limits']>
type MilterLimits = NonNullable<MilterListenerOptions['limits']>

/** An amount where a number is one, and a text with a unit is, too. */
type Amounts<T, K extends keyof T> = { readonly [P in keyof T]?: P extends K ? number | string : T[P] }

/** Limits that are durations or sizes. */
type LimitAmount = Extract<keyof Limits, `${string}Ms`> | 'commandLine' | 'authLine' | 'line' | 'size' | 'minDataRate'

/** What an operator says of a listener of any kind, beside what its own package reads. */
export interface AnyListen {
  /** Names it in log lines. Default: the scope's name and the port. */
  readonly name?: string
  /** Another name than the server's in banner and trace fields. */
  readonly hostname?: string
  /** Certificates in files, PEM; read again when they change. Relative paths start at the folder of the configuration. */
  readonly certificateFiles?: CertificateFiles | readonly CertificateFiles[]
  /**
   * The server makes itself a certificate for its host name, keeps it in `certificates/` of its folder, and makes it anew, with the same key, a
   * month before its end. It proves nothing to who does not know it: to try things out, and for MX hosts whose key stands in a TLSA record.
   */
  readonly selfSigned?: boolean
}

/** A listener of SMTP or LMTP. */
export type ListenOptions = Omit<ListenerOptions, 'name' | 'hostname' | 'limits' | 'greeting' | 'stress'> &
  AnyListen & {
    /** How much one connection, and all of them together, may have. Durations and sizes may have units. */
    readonly limits?: Amounts<Limits, LimitAmount>
    /** How the first words are exchanged; default: at once. */
    readonly greeting?: Amounts<GreetingOptions, 'waitMs'>
    /** Where stress begins. */
    readonly stress?: Omit<Amounts<StressOptions, 'loopDelayMs'>, 'disk'> & {
      /** Free octets below which the file system of `path` is nearly full. Default: 256 MiB of the server's folder. */
      readonly disk?: { readonly path: string; readonly freeBytes: number | string }
    }
  }

/** A listener of kind `http`: it serves what the plugins of its scope have as routes. */
export type HttpListenOptions = Omit<HttpListenerOptions, 'name' | 'hostname' | 'limits'> &
  AnyListen & {
    /** This kind of listener. */
    readonly protocol: 'http'
    /** How much one caller, and all of them together, may have. Durations may have units. */
    readonly limits?: Amounts<HttpLimits, Extract<keyof HttpLimits, `${string}Ms`>>
    /**
     * File of further tokens, as `postroad token new` writes it; read again when it changes. Default: `tokens.json` in the server's folder.
     * Relative paths start at the folder of the configuration.
     */
    readonly tokenFile?: string
  }

/** A listener of kind `policy`: Postfix asks there by `check_policy_service`. */
export type PolicyListenOptions = Omit<PolicyListenerOptions, 'name' | 'hostname' | 'limits'> &
  Omit<AnyListen, 'certificateFiles' | 'selfSigned'> & {
    /** This kind of listener. */
    readonly protocol: 'policy'
    /** How much one mail server, and all of them together, may have. Durations may have units. */
    readonly limits?: Amounts<PolicyLimits, Extract<keyof PolicyLimits, `${string}Ms`>>
  }

/** A listener of kind `milter`: Postfix and Sendmail ask there what to do with a message. */
export type MilterListenOptions = Omit<MilterListenerOptions, 'name' | 'hostname' | 'limits' | 'progressMs'> &
  Omit<AnyListen, 'certificateFiles' | 'selfSigned'> & {
    /** This kind of listener. */
    readonly protocol: 'milter'
    /** After how long a mail server that waits hears that we are still at work. Default 10 s; Postfix waits 30 s at a command, and 300 s at the end. */
    readonly progressMs?: number | string
    /** How much one mail server, and all of them together, may have. Durations and sizes may have units. */
    readonly limits?: Amounts<MilterLimits, Extract<keyof MilterLimits, `${string}Ms`> | 'size'>
  }

/** What may stand in `listen`. */
export type AnyListenOptions = ListenOptions | HttpListenOptions | PolicyListenOptions | MilterListenOptions

/** {@link ListenOptions}, judged: amounts are numbers. */
export type ListenSettings = Omit<ListenOptions, 'limits' | 'greeting' | 'stress'> & {
  readonly limits?: Limits
  readonly greeting?: GreetingOptions
  readonly stress?: StressOptions
}

/** {@link HttpListenOptions}, judged: amounts are numbers. */
export type HttpListenSettings = Omit<HttpListenOptions, 'limits'> & { readonly limits?: HttpLimits }

/** {@link PolicyListenOptions}, judged: amounts are numbers. */
export type PolicyListenSettings = Omit<PolicyListenOptions, 'limits'> & { readonly limits?: PolicyLimits }

/** {@link MilterListenOptions}, judged: amounts are numbers. */
export type MilterListenSettings = Omit<MilterListenOptions, 'limits' | 'progressMs'> & {
  readonly progressMs?: number
  readonly limits?: MilterLimits
}

/** Options of each kind, by what `protocol` says. */
export interface SettingsByProtocol {
  readonly smtp: ListenSettings
  readonly lmtp: ListenSettings
  readonly http: HttpListenSettings
  readonly policy: PolicyListenSettings
  readonly milter: MilterListenSettings
}

/** What a listener speaks. */
export type ListenProtocol = keyof SettingsByProtocol
