/** What drives a target: SMTP by default, and what scenarios speak instead. */
import { type Driver, sendLoad } from './load.ts'
import { openHandshakes } from './load-handshake.ts'
import { openInjection } from './load-injection.ts'
import { openPolicy } from './load-policy.ts'

/** What is spoken to a target. */
export type Speech = 'policy' | 'milter' | 'injection' | 'handshake'

/** @param socket path of the UNIX socket where the target listens for what it `speaks` */
export async function openDriver(
  speaks: Speech | undefined,
  { socket, sessions, data }: { readonly socket: string; readonly sessions: number; readonly data: Buffer },
): Promise<Driver> {
  if (speaks === 'policy') return openPolicy(socket, sessions)
  if (speaks === 'handshake') return openHandshakes(socket)
  if (speaks === 'injection') return openInjection(socket, sessions, data)
  // It imports a package, which a bench may have to build first.
  if (speaks === 'milter') return (await import('./load-milter.ts')).openMilter(socket, sessions, data)
  return { send: sendLoad, close: () => undefined }
}
