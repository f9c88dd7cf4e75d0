/** The peer: what one would write by hand with the npm packages smtp-server and mailauth. Takes `PORT` and `DNS_SERVER`. */
import { Resolver } from 'node:dns/promises'
import { authenticate } from 'mailauth'
import { SMTPServer } from 'smtp-server'

const { PORT = '2525', DNS_SERVER = '127.0.0.1' } = process.env
const dns = new Resolver()
dns.setServers([DNS_SERVER])

const server = new SMTPServer({
  logger: false,
  disabledCommands: ['STARTTLS', 'AUTH'],
  authOptional: true,
  disableReverseLookup: true,
  maxClients: Number.POSITIVE_INFINITY,
  async onData(stream, { remoteAddress, hostNameAppearsAs, envelope }, done) {
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk)
    const sender = envelope.mailFrom ? envelope.mailFrom.address : ''
    const found = await authenticate(Buffer.concat(chunks), {
      ip: remoteAddress,
      helo: hostNameAppearsAs,
      sender,
      mta: 'mx.bench.example',
      resolver: (name, type) => dns.resolve(name, type) as Promise<string[][]>, // `as`: its type has all the shapes of node:dns
      disableArc: true,
      disableBimi: true,
    })
    const results = [
      found.spf ? found.spf.status.result : undefined,
      found.dkim.results[0]?.status.result,
      found.dmarc ? found.dmarc.status.result : undefined,
    ]
    done(results.every((result) => result === 'pass') ? null : new Error(`spf, dkim, dmarc: ${results.join(', ')}`))
  },
})

server.on('error', () => undefined)
server.listen(Number(PORT), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
