/** What drives a target: SMTP by default, and what scenarios speak instead. */
import { type Driver, sendLoad } from './load.ts'
import { openMilter } from './load-milter.ts'
import { openPolicy } from './load-policy.ts'

/** What is spoken to a target. */
export type Speech = 'policy' | 'milter'

/** @param socket path of the UNIX socket where the target listens for what it `speaks` */
export function openDriver(
  speaks: Speech | undefined,
  { socket, sessions, data }: { readonly socket: string; readonly sessions: number; readonly data: Buffer },
): Promise<Driver> {
  if (speaks === 'policy') return openPolicy(socket, sessions)
  if (speaks === 'milter') return openMilter(socket, sessions, data)
  return Promise.resolve({ send: sendLoad, close: () => undefined })
}
