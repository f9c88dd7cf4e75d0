/**
 * A server that checks SPF, DKIM and DMARC and drops what passes: a peer for a harness that gives `PORT`, and `DNS_SERVER` or
 * its own /etc/resolv.conf. It leaves on SIGTERM.
 */

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dkimFact, dmarcFact, spfFact } from '@postroad/authres'
import { createServer } from '@postroad/core'
import { dkim } from '@postroad/dkim'
import { dmarc } from '@postroad/dmarc'
import { createDns } from '@postroad/dns'
import { Dns, definePlugin, reject } from '@postroad/plugin'
import { spf } from '@postroad/spf'

const { PORT = '2525', DNS_SERVER, SPOOL } = process.env

/** Refuses what does not pass: a bench that measures failures would measure nothing. */
const discardGood = definePlugin({
  name: 'discard-good',
  hooks: {
    route: () => ({ via: 'discard' }),
    message: {
      after: [spfFact, dkimFact, dmarcFact],
      handler({ get }) {
        const results = [get(spfFact).mailFrom.result, get(dkimFact).signatures[0]?.result, get(dmarcFact).result]
        return results.every((result) => result === 'pass')
          ? undefined
          : reject(`spf, dkim, dmarc: ${results.join(', ')}`)
      },
    },
    queue: { supports: ['8BITMIME'], handler: ({ envelope }) => ({ id: envelope.id }) },
  },
})

const dns = createDns(DNS_SERVER === undefined ? {} : { servers: [DNS_SERVER] })
const server = await createServer(
  {
    hostname: 'mx.bench.example',
    folder: SPOOL ?? mkdtempSync(join(tmpdir(), 'postroad-bench-')),
    log: { format: 'silent' },
    setup(app) {
      app.use(spf()).use(dkim()).use(dmarc()).use(discardGood())
      app.listen({ port: Number(PORT), host: '127.0.0.1', backlog: 1024 })
    },
  },
  { services: [{ service: Dns, create: () => dns }] },
)
await server.listen()
process.on('SIGTERM', () => void server.close({ grace: 100 }).then(() => process.exit(0)))
