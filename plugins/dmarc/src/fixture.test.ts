/** Records of domains, what other checks found, and the result. */
import type { Arc, Dkim, DkimResult, Dmarc, Spf, SpfResult } from '@postroad/authres'
import { type Zone, zoneDns } from '@postroad/dns'
import { messageFromBytes } from '@postroad/message'
import { readAuthor } from './author.ts'
import { checkDmarc } from './check.ts'
import { readTrust } from './options.ts'

export const zone: Zone = {
  'example.com': { A: ['192.0.2.1'] },
  '_dmarc.example.com': { TXT: ['v=DMARC1; p=reject; sp=quarantine; np=reject; rua=mailto:d@example.com'] },
  'sub.example.com': { A: ['192.0.2.2'] },
  '_dmarc.strict.example': { TXT: ['v=DMARC1; p=quarantine; adkim=s; aspf=s'] },
  '_dmarc.test.example': { TXT: ['v=DMARC1; p=reject; t=y'] },
  '_dmarc.watch.example': { TXT: ['v=DMARC1; p=none'] },
  '_dmarc.pct.example': { TXT: ['v=DMARC1; p=reject; pct=0'] },
  '_dmarc.two.example': { TXT: ['v=DMARC1; p=reject', 'v=DMARC1; p=none'] },
  '_dmarc.psd.test': { TXT: ['v=DMARC1; p=reject; psd=y'] },
  '_dmarc.a.b.c.d.e.f.g.long.example': { TXT: ['v=DMARC1; p=quarantine'] },
  '_dmarc.long.example': { TXT: ['v=DMARC1; p=reject'] },
  '_dmarc.down.example': 'SERVFAIL',
  '_dmarc.xn--bcher-kva.example': { TXT: ['v=DMARC1; p=reject'] },
}

export const spf = (result: SpfResult, domain: string): Spf => ({
  mailFrom: { identity: 'mailfrom', result, domain, comment: undefined, explanation: undefined },
  helo: undefined,
})
export const dkim = (...signatures: readonly (readonly [DkimResult, string])[]): Dkim => ({
  signatures: signatures.map(([result, domain]) => ({
    result,
    domain,
    selector: 's',
    algorithm: 'rsa-sha256',
    identity: `@${domain}`,
    b: '',
    comment: undefined,
    unsigned: 0,
  })),
  ignored: 0,
})

export interface Evidence {
  readonly spf?: Spf | undefined
  readonly dkim?: Dkim | undefined
  readonly arc?: Arc
  readonly address?: string
  readonly trust?: readonly string[]
  readonly zone?: Zone
}

export const message = (...from: readonly string[]): ReturnType<typeof messageFromBytes> =>
  messageFromBytes(Buffer.from(`${from.map((value) => `From: ${value}\r\n`).join('')}\r\n`))

export async function check(
  from: string | readonly string[],
  evidence: Evidence = {},
): Promise<Dmarc & { readonly questions: ReturnType<typeof zoneDns>['questions'] }> {
  const dns = zoneDns(evidence.zone ?? zone)
  const all = {
    spf: spf('none', 'elsewhere.test'),
    dkim: dkim(),
    arc: undefined,
    address: '192.0.2.9',
    ...evidence,
    author: readAuthor(message(...[from].flat()).headers),
  }
  const found = await checkDmarc(all, { dns, now: 0, trust: readTrust(evidence.trust ?? []), options: { arc: true } })
  return { ...found, questions: dns.questions }
}
