/** What the API of `postroad catch` answers, as far as the page shows it; the names are those of Mailpit, whose API it is. */

export interface Name {
  readonly Name: string
  readonly Address: string
}

/** One of the list. */
export interface Summary {
  readonly ID: string
  readonly Read: boolean
  readonly From: Name | null
  readonly To: readonly Name[]
  readonly Cc: readonly Name[]
  readonly Bcc: readonly Name[]
  readonly Subject: string
  readonly Created: string
  readonly Size: number
  readonly Attachments: number
  readonly Snippet: string
}

/** A page of the list. */
export interface Listed {
  readonly total: number
  readonly unread: number
  readonly messages_count: number
  readonly messages: readonly Summary[]
}

export interface File {
  readonly PartID: string
  readonly FileName: string
  readonly ContentType: string
  readonly Size: number
}

interface Check {
  readonly result: string
  readonly domain?: string
  readonly comment?: string
}

/** What a filter would say. */
export interface Finding {
  readonly plugin: string
  readonly signal: string
  readonly weight: number | string
  readonly evidence: readonly string[]
}

/** Where a link leads. */
export interface Link {
  readonly URL: string
  readonly Host: string
  readonly Shown: string
  readonly Element: string
  readonly LeadsTo: string
}

/** One message. */
export interface Mail {
  readonly ID: string
  readonly From: Name | null
  readonly To: readonly Name[]
  readonly Cc: readonly Name[]
  readonly Bcc: readonly Name[]
  readonly ReplyTo: readonly Name[]
  readonly ReturnPath: string
  readonly Subject: string
  readonly Date: string
  readonly Username: string
  readonly Text: string
  readonly HTML: string
  readonly Size: number
  readonly Inline: readonly File[]
  readonly Attachments: readonly File[]
  readonly Postroad: {
    readonly Received: string
    readonly Recipients: readonly string[]
    readonly Client: { readonly address: string; readonly helo: string; readonly tls: string }
    readonly Authentication: {
      readonly spf?: { readonly mailFrom: Check }
      readonly dkim?: { readonly signatures: readonly (Check & { readonly selector?: string })[] }
      readonly dmarc?: Check & { readonly policy?: string; readonly aligned: readonly string[] }
    }
    readonly Findings: readonly Finding[] | null
    readonly Links: readonly Link[]
    readonly Ambiguous: readonly string[]
    readonly IsTruncated: boolean
  }
}

/** What runs there. */
export interface Info {
  readonly Version: string
  readonly Postroad: { readonly Dropped: number; readonly Rules: readonly string[]; readonly Mail: string }
}
