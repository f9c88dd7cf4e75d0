/** The part of the npm package mailauth (7.1.0, pinned) that discovers and evaluates a policy, RFC 9989. */
declare module 'mailauth/lib/dmarc/index.js' {
  export interface DmarcResponse {
    readonly status: { readonly result: string; readonly comment?: string | false; readonly header?: { readonly from?: string } }
    readonly policyDomain?: string
    readonly policy?: 'none' | 'quarantine' | 'reject'
    readonly sp?: string
    readonly np?: string
    readonly testMode?: boolean
    readonly error?: string
    readonly alignment?: { readonly spf: { readonly result?: string }; readonly dkim: { readonly result?: string } }
  }

  export function evaluateDmarc(options: {
    readonly headerFrom: readonly string[]
    readonly fromFields: number
    readonly spfDomains: readonly { readonly domain: string }[]
    readonly dkimDomains: readonly { readonly domain: string; readonly underSized: number }[]
    readonly resolver: (name: string, type: string) => Promise<string[] | string[][]>
    readonly strict: boolean
  }): Promise<{ readonly response: DmarcResponse | false; readonly reason?: string; readonly authorDomains?: readonly string[] }>
}
