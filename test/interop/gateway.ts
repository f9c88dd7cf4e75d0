/** The example `mx-gateway` as a process of its own, started by the command `postroad` as an operator would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveZone } from '../identity/dns-server.ts'
import { ROOT } from '../structure/workspace.ts'
import { freePorts, waitForBanner } from './loopback.ts'

const EXIT_LIMIT_MS = 20_000

/** A running gateway. */
export interface Gateway extends AsyncDisposable {
  readonly port: number
  /** What it printed: canonical lines as JSON, and whatever else. */
  log(): string
  /** Asks it to stop; resolves to its exit code. */
  stop(): Promise<number | null>
}

/**
 * Starts it in front of a mailbox server.
 *
 * @param lmtp `host:port`, or the path of a UNIX socket
 */
export async function startGateway(lmtp: string): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-gateway-'))
  const [port = 0, releasePort = 0] = await freePorts(2)
  const command = [
    '--conditions=@postroad/source',
    join(ROOT, 'packages/cli/src/bin.ts'),
    'start',
    join(ROOT, 'examples/mx-gateway'),
    '--log',
    'json',
  ]
  // No name is known: what the checks make of that must not stop the mail.
  const dns = await serveZone({})
  const env = {
    ...process.env,
    POSTROAD_DNS: `${dns.address}:${dns.port}`,
    POSTROAD_PORT: `${port}`,
    POSTROAD_RELEASE_PORT: `${releasePort}`,
    POSTROAD_LMTP: lmtp,
    POSTROAD_FOLDER: folder,
  }
  const child = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  const stop = () => end(child)
  const dispose = async () => {
    await stop()
    await dns[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const gone = new AbortController()
    child.once('close', () => gone.abort(new Error('it ended')))
    await waitForBanner(port, gone.signal)
  } catch (error) {
    await dispose()
    throw new Error(`mx-gateway does not start: ${error instanceof Error ? error.message : error}\n${said}`)
  }
  return { port, log: () => said, stop, [Symbol.asyncDispose]: dispose }
}

async function end(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const gone = once(child, 'exit')
  const limit = setTimeout(() => child.kill('SIGKILL'), EXIT_LIMIT_MS)
  child.kill('SIGTERM')
  await gone
  clearTimeout(limit)
  return child.exitCode
}
