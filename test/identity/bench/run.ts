/**
 * SPF, DKIM and DMARC of a signed message of 4 KB, 20 sessions, a DNS server on this machine: Postroad against the same checks by hand
 * (`glue.ts`), in rounds that take turns. Exit code 1 when Postroad needs more CPU a message than the glue.
 *
 *     node --conditions=@postroad/source test/identity/bench/run.ts [rounds] [messages a round]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BodyHash } from '@postroad/mailauth'
import { messageFromBytes } from '@postroad/message'
import { keyRecord } from '../../../plugins/dkim/src/command.ts'
import { readSigningKey } from '../../../plugins/dkim/src/sign/key-ring.ts'
import { makeSignature, signedFields } from '../../../plugins/dkim/src/sign/signature.ts'
import { makeData, sendLoad } from '../../bench/load.ts'
import { freePorts, waitForBanner } from '../../interop/loopback.ts'
import { serveZone } from '../dns-server.ts'

const [rounds = 3, messages = 1500] = process.argv.slice(2).map(Number)
const WARM_UP = 3000
const OCTETS = 3600
const SESSIONS = 20
/** Of Linux, for /proc. */
const TICKS_PER_SECOND = 100

interface Peer {
  readonly name: string
  readonly port: number
  readonly child: ChildProcess
  readonly rates: number[]
  readonly cpu: number[]
}

const folder = mkdtempSync(join(tmpdir(), 'postroad-bench-'))
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const zone = {
  'client.example': 'v=spf1 ip4:192.0.2.0/24 include:_spf.client.example -all',
  '_spf.client.example': 'v=spf1 ip4:198.51.100.0/24 ip4:127.0.0.0/8 ~all',
  '_dmarc.client.example': 'v=DMARC1; p=reject',
  'bench._domainkey.client.example': keyRecord(pair.publicKey),
}

const dns = await serveZone(zone)
const data = await signedData()
const peers = [await start('postroad'), await start('glue')]
try {
  for (const peer of peers) await load(peer, WARM_UP)
  for (let round = 0; round < rounds; round++) for (const peer of peers) await measure(peer)
} finally {
  for (const { child } of peers) child.kill('SIGTERM')
  await dns[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
}
report()

async function signedData(): Promise<Buffer> {
  // Of dot-stuffed lines a signature covers what they stand for.
  const sent = makeData(OCTETS).toString()
  const text = sent.slice(0, -3).replace(/^\./gm, '')
  const message = messageFromBytes(Buffer.from(text))
  const body = new BodyHash({ canonicalization: 'relaxed' })
  for await (const chunk of message.body()) body.update(chunk)
  const key = readSigningKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), {
    domain: 'client.example',
    selector: 'bench',
  })
  const signable = { fields: signedFields(message.headers), bodyHash: body.digest().toString('base64') }
  const value = await makeSignature(key, signable, {
    headers: ['From', 'To', 'Subject', 'Date', 'Message-ID'],
    looseHeaders: [],
    time: 1_700_000_000,
  })
  return Buffer.from(`DKIM-Signature: ${value}\r\n${sent}`)
}

async function start(name: string): Promise<Peer> {
  const [port = 0] = await freePorts(1)
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url))
  const env = {
    ...process.env,
    PORT: String(port),
    DNS_SERVER: `${dns.address}:${dns.port}`,
    SPOOL: folder,
    NODE_ENV: 'production',
  }
  const child = spawn(process.execPath, ['--conditions=@postroad/source', file], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await Promise.race([
    waitForBanner(port),
    once(child, 'exit').then(() => Promise.reject(new Error(`${name} does not start`))),
  ])
  return { name, port, child, rates: [], cpu: [] }
}

function load({ port }: Peer, count: number) {
  return sendLoad({ port, sessions: SESSIONS, messages: count, data, single: false, pipelined: false, limitMs: 30_000 })
}

async function measure(peer: Peer): Promise<void> {
  const before = cpuOf(peer.child)
  const { messages: sent, ms } = await load(peer, messages)
  peer.cpu.push((cpuOf(peer.child) - before) / sent)
  peer.rates.push((sent / ms) * 1000)
}

/** Milliseconds of user and system time, proc(5). */
function cpuOf({ pid }: ChildProcess): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1000
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function report(): void {
  const [ours, glue] = peers.map(({ name, rates, cpu }) => ({ name, rate: median(rates), cpu: median(cpu) }))
  if (ours === undefined || glue === undefined) return
  for (const { name, rate, cpu } of [ours, glue])
    process.stdout.write(`${name.padEnd(10)} ${rate.toFixed(0).padStart(6)}/s  ${cpu.toFixed(3)} ms CPU a message\n`)
  process.stdout.write(
    `CPU ${(ours.cpu / glue.cpu).toFixed(2)} of the glue, rate ${(ours.rate / glue.rate).toFixed(2)} of it\n`,
  )
  process.exitCode = ours.cpu < glue.cpu ? 0 : 1
}
