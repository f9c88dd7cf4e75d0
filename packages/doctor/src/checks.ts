/** All checks, in the order in which they are told. */

import { bimi } from './check/bimi.ts'
import { blocklist } from './check/blocklist.ts'
import { certificate } from './check/certificate.ts'
import { dkimSelector } from './check/dkim.ts'
import { dmarc } from './check/dmarc.ts'
import { clock, configuration, disk, fsync, limits, permissions, resolver, runtime } from './check/machine.ts'
import { mx } from './check/mx.ts'
import { address, helo, ipv6, ptr } from './check/name.ts'
import { mtaSts, tlsa, tlsRpt } from './check/published-tls.ts'
import { greeting, inboundTls, portIn, portOut, relay, smuggling } from './check/self.ts'
import { spf } from './check/spf.ts'
import type { Check } from './check.ts'

/** Those of plugins come besides: `dkim-key` of dkim, `redis` of redis. */
export const CHECKS: readonly Check[] = [
  runtime, configuration, limits, clock, disk, fsync, permissions, certificate, resolver, ipv6,
  helo, address, ptr, mx, spf, dkimSelector, dmarc, mtaSts, tlsa, tlsRpt, bimi, blocklist, portIn, portOut, inboundTls,
  greeting, relay, smuggling,
] // biome-ignore format: a table
