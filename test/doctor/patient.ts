/** A server that is as it should be, its zone and its machine; a test changes one thing of it. */
import { generateKeyPairSync } from 'node:crypto'
import { connect } from 'node:net'
import path from 'node:path'
import { createServer, type Server } from '@postroad/core'
import { dkim } from '@postroad/dkim'
import { createDns, type Zone, zoneDns } from '@postroad/dns'
import type { DoctorContext } from '@postroad/doctor'
import { Dns, definePlugin } from '@postroad/plugin'
import { identities } from '../tls/certificate.ts'
import { recordOf } from '../tls/tlsa-record.ts'
import { serveLiteral } from '../tls/zone-server.ts'

type World = DoctorContext['world']

/** Where this host is, as its zone says. */
export const ADDRESS = '192.0.2.25'
const { key, cert } = identities.leaf
const PAIR = generateKeyPairSync('ed25519')
/** The private half of the key under `s1`. */
export const SIGNING_KEY = PAIR.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
/** What a record of an Ed25519 key looks like, RFC 8463 §4. */
export const keyRecord = ({ publicKey } = PAIR): string =>
  `v=DKIM1; k=ed25519; p=${publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`

/** Everything that is published. */
export const GOOD_ZONE: Zone = {
  'dane.test': { MX: [[10, 'mx.dane.test']], TXT: ['v=spf1 mx -all', 'something=else'], secure: true },
  'mx.dane.test': { A: [ADDRESS], TXT: ['v=spf1 a -all'], secure: true },
  [ADDRESS]: { PTR: ['mx.dane.test'] },
  '_dmarc.dane.test': { TXT: ['v=DMARC1; p=reject; rua=mailto:dmarc@reports.test!10m, mailto:dmarc@dane.test'] },
  'dane.test._report._dmarc.reports.test': { TXT: ['v=DMARC1'] },
  's1._domainkey.dane.test': { TXT: [keyRecord()] },
  '_mta-sts.dane.test': { TXT: ['v=STSv1; id=20260101'] },
  '_25._tcp.mx.dane.test': { TLSA: [recordOf('3 1 1 leaf')], secure: true },
  '_smtp._tls.dane.test': { TXT: ['v=TLSRPTv1; rua=mailto:tls@dane.test'] },
  'default._bimi.dane.test': { TXT: ['v=BIMI1; l=https://dane.test/logo.svg; a=https://dane.test/vmc.pem'] },
  '2.0.0.127.list.test': { A: ['127.0.0.2'], TXT: ['the test entry'] },
  'remote.test': { MX: [[10, 'mx.remote.test']] },
  'mx.remote.test': { A: ['192.0.2.99'] },
  'signed.test': { TXT: ['x'], secure: true },
  'bogus.test': 'SERVFAIL',
}

/** Files that are read, by name. */
export const GOOD_FILES: Readonly<Record<string, string>> = {
  'cert.pem': cert + identities.intermediate.cert,
  'key.pem': key,
}

/** One thing that is otherwise. */
export interface Change {
  readonly zone?: Zone
  readonly files?: Readonly<Record<string, string>>
  readonly world?: Partial<World>
  readonly context?: Partial<DoctorContext>
  /** Who answers on port 25, in place of the good server. */
  readonly port?: number
  /** Text of the policy that is fetched. */
  readonly sts?:
    | Partial<{ mode: 'enforce' | 'testing' | 'none'; mx: readonly string[]; maxAge: number }>
    | { readonly failure: 'sts-policy-fetch-error'; readonly reason: string }
}

const road = definePlugin({
  name: 'road',
  hooks: {
    route: ({ recipient }) => (`${recipient}` === 'postmaster@dane.test' ? { via: 'road' } : undefined),
    queue: ({ envelope }) => ({ id: envelope.id }),
  },
})

/** The real server, listening on the loopback; with the real plugin that signs. */
export async function goodServer(folder: string): Promise<Server> {
  const server = await createServer(
    {
      hostname: 'mx.dane.test',
      folder,
      log: { format: 'silent' },
      setup(app) {
        app
          .use(road())
          .use(dkim.sign({ keys: [{ domain: 'dane.test', selector: 's1', file: path.join(folder, 's1.pem') }] }))
        app.listen({
          name: 'mx',
          host: '127.0.0.1',
          port: 0,
          certificate: { key, cert: cert + identities.intermediate.cert },
        })
      },
    },
    { services: [{ service: Dns, create: () => zoneDns(GOOD_ZONE) }] },
  )
  await server.listen()
  return server
}

/** The server's own checks, over another zone: a key is looked up there. */
async function checksOver(zone: Zone, folder: string): Promise<{ readonly server: Server }> {
  const server = await createServer(
    {
      hostname: 'mx.dane.test',
      folder,
      log: { format: 'silent' },
      setup(app) {
        app
          .use(road())
          .use(dkim.sign({ keys: [{ domain: 'dane.test', selector: 's1', file: path.join(folder, 's1.pem') }] }))
        app.listen({ name: 'mx', host: '127.0.0.1', port: 0 })
      },
    },
    { services: [{ service: Dns, create: () => zoneDns(zone) }], looks: true },
  )
  return { server }
}

/** A context over a resolver with real packets; to be disposed of. */
export async function patient(
  server: Server,
  change: Change,
): Promise<AsyncDisposable & { readonly context: DoctorContext }> {
  const zone = { ...GOOD_ZONE, ...change.zone }
  const served = await serveLiteral(zone)
  const { server: checking } = await checksOver(zone, server.folder)
  const port = change.port ?? server.addresses[0]?.port ?? 0
  const files = { ...GOOD_FILES, ...change.files }
  const text = (file: string): string => {
    const found = files[file]
    if (found === undefined) throw new Error(`ENOENT: ${file}`)
    return found
  }
  const world: World = {
    nodeVersion: '24.11.0',
    uid: 1000,
    openFiles: async () => 65_536,
    disk: async () => ({ freeBytes: 40e9, totalBytes: 100e9, freeInodes: 5e6, totalInodes: 6e6 }),
    fsyncMs: async () => 1.2,
    file: async (file) => ({
      uid: 1000,
      mode: file.endsWith('.pem') ? 0o600 : 0o750,
      isFolder: !file.endsWith('.pem'),
    }),
    read: async (file) => text(file),
    authorities: () => [identities.root.cert],
    clockOffsetMs: async () => 12,
    hasIpv6: false,
    // Wherever it is, it is on the loopback here.
    connect: async () => {
      const socket = connect({ host: '127.0.0.1', port })
      await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
      return socket
    },
    ...change.world,
  }
  const { sts = {} } = change
  const context: DoctorContext = {
    domains: ['dane.test'],
    hostname: 'mx.dane.test',
    addresses: [ADDRESS],
    listeners: [
      { name: 'mx', host: '127.0.0.1', port, isImplicitTls: false, isPublic: true, isAskedFromInside: false },
    ],
    certificates: [{ cert: 'cert.pem', key: 'key.pem', listeners: ['mx'], isPublic: true }],
    folders: ['/var/lib/postroad'],
    blocklists: [{ zone: 'list.test', of: 'address' }],
    selectors: ['s1'],
    outbound: ['remote.test'],
    probe: { signed: 'signed.test', bogus: 'bogus.test' },
    dns: createDns({ servers: [served.place] }),
    world,
    configuration: [],
    checks: checking.checks,
    fetchSts: async () =>
      'failure' in sts ? sts : { policy: { mode: 'enforce', mx: ['mx.dane.test'], maxAge: 604_800, ...sts } },
    inboundTls: async () => [
      {
        host: 'mx.dane.test',
        address: ADDRESS,
        tls: 'TLSv1.3 X25519MLKEM768 TLS_AES_256_GCM_SHA384',
        reason: undefined,
      },
    ],
    now: Date.now,
    signal: new AbortController().signal,
    ...change.context,
  }
  return {
    context,
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]()
      await checking.close()
    },
  }
}
