/** Starts the gateway by the command, with several workers, and speaks to it as clients from everywhere. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SMTPServer } from 'smtp-server'
import { SmtpClient } from '../../failure/smtp-client.ts'
import { serveZone } from '../../identity/dns-server.ts'
import { freePorts } from '../../interop/loopback.ts'

const ROOT = join(import.meta.dirname, '../../..')
const CONFIG = join(import.meta.dirname, 'postroad.config.ts')

/** A message that a client from somewhere sends. */
export interface Sent {
  readonly remote?: string
  readonly helo?: string
  readonly from?: string
  readonly to?: readonly string[]
  readonly subject?: string
  readonly body?: string
  readonly contentType?: string
}

/** A running gateway. */
export interface Gateway extends AsyncDisposable {
  readonly web: string
  readonly smtp: number
  readonly metrics: string
  /** Sends it over a connection of its own; the last reply. */
  send(mail: Sent): Promise<string>
  /** What a command prints. */
  run(...args: readonly string[]): Promise<string>
}

/** Resolves when all workers listen. */
export async function startGateway(workers: number): Promise<Gateway> {
  await using started = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'postroad-gateway-'))
  started.defer(() => rm(folder, { recursive: true, force: true }))
  const zone = started.use(
    await serveZone(
      { 'client.example': 'v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all', 'evil.example': 'v=spf1 -all' },
      { addresses: { '66.113.0.203.bl.example.net': '127.0.0.2' } },
    ),
  )
  const sink = new SMTPServer({ authOptional: true, disabledCommands: ['STARTTLS', 'AUTH'], onData: (stream, _, done) => void stream.resume().on('end', () => done()) }) // biome-ignore format: short
  const [web = 0, smtp = 0, metrics = 0, sinkPort = 0] = await freePorts(4)
  await new Promise<void>((resolve) => sink.listen(sinkPort, '127.0.0.1', resolve))
  started.defer(() => new Promise<void>((resolve) => sink.close(() => resolve())))
  const env = {
    ...process.env,
    NODE_TEST_CONTEXT: undefined,
    GATEWAY_FOLDER: folder,
    GATEWAY_DNS: `127.0.0.1:${zone.port}`,
    GATEWAY_WEB: String(web),
    GATEWAY_SMTP: String(smtp),
    GATEWAY_METRICS: String(metrics),
    GATEWAY_SINK: String(sinkPort),
  }
  const command = (args: readonly string[]): ChildProcess =>
    spawn(process.execPath, ['--conditions=@postroad/source', join(ROOT, 'packages/cli/src/bin.ts'), ...args], {
      env,
    })
  const server = command(['start', CONFIG, '--workers', String(workers), '--log', 'json'])
  // A test that is cut by its time limit disposes of nothing.
  const end = () => void server.kill('SIGTERM')
  process.once('exit', end)
  started.defer(async () => {
    process.off('exit', end)
    server.kill('SIGTERM')
    if (server.exitCode === null) await new Promise((resolve) => server.once('exit', resolve))
  })
  let text = ''
  for (const stream of [server.stdout, server.stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => {
      text = (text + part).slice(-100_000)
    })
  while ((await answering(`http://127.0.0.1:${web}/v1/status`)) < workers) {
    if (server.exitCode !== null) throw new Error(`the gateway did not start: ${text}`)
    await sleep(200)
  }
  const disposables = started.move()
  return {
    web: `http://127.0.0.1:${web}/`,
    smtp,
    metrics: `http://127.0.0.1:${metrics}/metrics`,
    send: (mail) => send(smtp, mail),
    run: (...args) =>
      new Promise((resolve, reject) => {
        const child = command([...args, '--config', CONFIG])
        let out = ''
        child.stdout?.setEncoding('utf8').on('data', (part: string) => {
          out += part
        })
        child.stderr?.setEncoding('utf8').on('data', (part: string) => {
          out += part
        })
        child.once('error', reject).once('exit', () => resolve(out))
      }),
    [Symbol.asyncDispose]: () => disposables.disposeAsync(),
  }
}

/** Workers that are there. */
async function answering(url: string): Promise<number> {
  try {
    const { workers } = (await (await fetch(url)).json()) as { readonly workers: { readonly answered: number } }
    return workers.answered
  } catch {
    return 0 // nobody listens yet
  }
}

async function send(
  port: number,
  {
    remote = '192.0.2.7',
    helo = 'mail.client.example',
    from = 'ann@client.example',
    to = ['alice@example.org'],
    subject = 'Hello',
    body = 'Hello',
    contentType = 'text/plain; charset=utf-8',
  }: Sent,
): Promise<string> {
  const client = await SmtpClient.connect(port)
  await client.reply()
  await client.send('EHLO test')
  await client.send(`XCLIENT ADDR=${remote.includes(':') ? `IPV6:${remote}` : remote} NAME=[UNAVAILABLE]`)
  await client.send(`EHLO ${helo}`)
  let reply = await client.send(`MAIL FROM:<${utf8(from)}> SMTPUTF8`)
  let taken = 0
  for (const one of to) {
    reply = await client.send(`RCPT TO:<${utf8(one)}>`)
    if (reply.startsWith('2')) taken++
  }
  if (taken > 0) {
    await client.send('DATA')
    const date = new Date().toUTCString()
    const header = `From: ${from}\r\nTo: ${to.join(', ')}\r\nDate: ${date}\r\nMessage-ID: <${Math.random().toString(36).slice(2)}@${helo}>\r\nSubject: ${subject}\r\nMIME-Version: 1.0\r\nContent-Type: ${contentType}`
    client.write(utf8(`${header}\r\n\r\n${body}\r\n`))
    reply = await client.send('.')
  }
  await client.quit()
  return reply
}

/** The client writes octets as characters. */
function utf8(text: string): string {
  return Buffer.from(text).toString('latin1')
}
