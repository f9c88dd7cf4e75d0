/** DNS for the targets that deliver by MX: signed, to the sink, with nothing published of TLS. */
import type { DnsOptions } from '../../packages/dns/src/resolver.ts'

const RECORDS: ReadonlyMap<string, readonly unknown[]> = new Map<string, readonly unknown[]>([
  ['MX', [{ preference: 0, exchange: 'sink.postroad.test' }]],
  ['A', ['127.0.0.1']],
])

export const sinkDns: DnsOptions = {
  servers: ['127.0.0.1'],
  exchange: async (_, { type, name }) => {
    const records = RECORDS.get(type) ?? []
    const code = records.length > 0 ? 'NOERROR' : 'NXDOMAIN'
    return { type, records, code, secure: true, ttl: 3_600, alias: false, truncated: false, canonical: name } as never // as packets are read: the key is the type
  },
}
