/** The example `mx-gateway`, running. */
import { serveZone } from '../identity/dns-server.ts'
import { type Example, startExample } from './example.ts'
import { freePorts, waitForBanner } from './loopback.ts'

/** A running gateway. */
export interface Gateway extends Example {
  readonly port: number
}

/**
 * Starts it in front of a mailbox server.
 *
 * @param lmtp `host:port`, or the path of a UNIX socket
 */
export async function startGateway(lmtp: string): Promise<Gateway> {
  const [port = 0, releasePort = 0] = await freePorts(2)
  // No name is known: what the checks make of that must not stop the mail.
  const dns = await serveZone({})
  const env = {
    POSTROAD_DNS: `${dns.address}:${dns.port}`,
    POSTROAD_PORT: `${port}`,
    POSTROAD_RELEASE_PORT: `${releasePort}`,
    POSTROAD_LMTP: lmtp,
  }
  try {
    const example = await startExample('mx-gateway', env, (gone) => waitForBanner(port, gone))
    return {
      ...example,
      port,
      async [Symbol.asyncDispose]() {
        await example[Symbol.asyncDispose]()
        await dns[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await dns[Symbol.asyncDispose]()
    throw error
  }
}
