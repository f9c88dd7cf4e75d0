/** How a report enters the server's own mail: at a listener, so that it is signed, routed and queued as all other mail is. */
import { ConnectError, fixedTarget, Pool, sendTo } from '@postroad/delivery'
import { type Address, memorySource, type Reply } from '@postroad/mail'

/** Where reports are handed in. */
export interface SubmissionOptions {
  readonly host: string
  readonly port?: number | undefined
  /** UNIX socket, in place of host and port. */
  readonly path?: string | undefined
}

/** A message of ours. */
export interface Submission {
  readonly at: SubmissionOptions
  readonly hostname: string
  readonly from: Address
  readonly to: Address
  readonly octets: Uint8Array
  readonly signal: AbortSignal
}

/** What the listener says; where there is none, our own words for that. */
export async function submitReport({ at, hostname, from, to, octets, signal }: Submission): Promise<Reply> {
  const pool = new Pool({ hostname, maxConnections: 1 })
  const { host, port, path } = at
  try {
    const target = fixedTarget(
      { host, tls: { mode: 'none' }, ...(port !== undefined && { port }), ...(path !== undefined && { path }) },
      { via: 'smtp' },
    )
    const [outcome] = await sendTo(pool, target, {
      route: { via: 'smtp' },
      from,
      parameters: {},
      // Whoever publishes an address that does not exist is not told of it by us.
      recipients: [{ address: to, parameters: {} }],
      message: memorySource([octets]),
      signal,
    })
    return outcome?.reply ?? { code: 451, status: '4.3.0', text: 'nothing became of it' }
  } catch (error) {
    if (error instanceof ConnectError) return error.reply
    throw error
  } finally {
    await pool.close()
  }
}
