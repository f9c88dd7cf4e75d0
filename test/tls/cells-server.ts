/** Cells about what the server does about STARTTLS, with each kind of policy. */
import { type Cell, cell, type Expected, type ServerState, server, type TlsaState } from './cell.ts'

const LACKS: readonly ServerState['starttls'][] = ['not offered', '454', '502']
const BREAKS: readonly ServerState['starttls'][] = ['garbage', 'closes']

interface Kind {
  readonly tlsa: TlsaState
  /** Default: `ee`. */
  readonly chain?: string
  readonly source: string
  readonly lacks: Expected
  readonly breaks: Expected
  readonly fewer: Expected
}

const KINDS: readonly Kind[] = [
  {
    tlsa: ['3 1 1 ee'],
    source: 'RFC 7672 §2.2',
    lacks: 'skipped starttls-not-supported',
    breaks: 'skipped validation-failure',
    fewer: 'dane-ee',
  },
  {
    tlsa: ['2 1 1 root'],
    chain: 'leaf intermediate root',
    source: 'RFC 7672 §2.2',
    lacks: 'skipped starttls-not-supported',
    breaks: 'skipped validation-failure',
    fewer: 'dane-ta',
  },
  {
    tlsa: ['1 1 1 ee'],
    source: 'RFC 7672 §2.2',
    lacks: 'skipped starttls-not-supported',
    breaks: 'skipped validation-failure',
    fewer: 'encrypted',
  },
  { tlsa: 'nodata secure', source: 'RFC 7435 §3', lacks: 'clear', breaks: 'clear', fewer: 'unauthenticated' },
  { tlsa: 'denied insecure', source: 'RFC 7435 §3', lacks: 'clear', breaks: 'clear', fewer: 'unauthenticated' },
  {
    tlsa: 'servfail',
    source: 'RFC 7672 §2.1.2',
    lacks: 'skipped dnssec-invalid',
    breaks: 'skipped dnssec-invalid',
    fewer: 'skipped dnssec-invalid',
  },
]

/** All cells about servers. */
export const SERVER_CELLS: readonly Cell[] = KINDS.flatMap(({ tlsa, chain = 'ee', source, lacks, breaks, fewer }) => [
  ...LACKS.map((starttls) => cell(lacks, source, { tlsa, server: server(chain, starttls) })),
  ...BREAKS.map((starttls) => cell(breaks, source, { tlsa, server: server(chain, starttls) })),
  cell(fewer, 'RFC 3207 §4.2', { tlsa, server: server(chain, 'fewer keywords after') }),
])
