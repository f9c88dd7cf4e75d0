/** How a digest enters the server's own mail: by the scope of the plugin, or at a listener of the operator's, so that it is signed, routed and queued as all other mail is. */
import { ConnectError, fixedTarget, Pool, sendTo } from '@postroad/delivery'
import { type Address, memorySource, type Reply } from '@postroad/mail'
import { type Queue, SendError } from '@postroad/plugin'

/** A message of ours. */
export interface DigestSubmission {
  /** Undefined: `queue`. */
  readonly at:
    | { readonly host: string; readonly port?: number | undefined; readonly path?: string | undefined }
    | undefined
  readonly queue: Queue
  readonly hostname: string
  /** Undefined: the null reverse-path. */
  readonly from: Address | undefined
  readonly to: Address
  readonly octets: Uint8Array
  readonly signal: AbortSignal
}

/** What the listener, or the scope, says; where nobody listens, our own words for that. */
export async function submit(digest: DigestSubmission): Promise<Reply> {
  const { at, queue, from, to, octets, signal } = digest
  if (at) return overSocket(digest, at)
  try {
    return (await queue.send({ from: from ?? null, to: [to], message: octets }, { signal })).reply
  } catch (error) {
    if (error instanceof SendError) return error.reply
    throw error
  }
}

async function overSocket(
  { hostname, from, to, octets, signal }: DigestSubmission,
  { host, port, path }: NonNullable<DigestSubmission['at']>,
): Promise<Reply> {
  const pool = new Pool({ hostname, maxConnections: 1 })
  try {
    const target = fixedTarget(
      { host, tls: { mode: 'none' }, ...(port !== undefined && { port }), ...(path !== undefined && { path }) },
      { via: 'smtp' },
    )
    const [outcome] = await sendTo(pool, target, {
      route: { via: 'smtp' },
      from,
      parameters: to.isInternational ? { smtputf8: true } : {},
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
