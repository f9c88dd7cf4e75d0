/** `@postroad/smtp` alone: the wire, with stages behind it that say yes at once. */
import { createListener, type Stages } from '@postroad/smtp'
import { LIMITS } from '../limits.ts'
import type { Target } from '../target.ts'

const OK = { code: 250, status: '2.1.5', text: 'Ok' } as const
const TAKEN = { code: 250, status: '2.0.0', text: 'Ok' } as const
const SINK = { write: () => undefined, abort: () => undefined }
const OFFER = { mechanisms: [], eightBitMime: true, binaryMime: false, smtputf8: true, dsn: false, requireTls: false }
const nothing = () => undefined

const STAGES: Stages = {
  connect: nothing,
  helo: nothing,
  offer: () => OFFER,
  secured: nothing,
  authenticated: nothing,
  auth: nothing,
  mail: nothing,
  rcpt: () => OK,
  data: nothing,
  content: () => SINK,
  message: () => TAKEN,
  reset: nothing,
  verify: () => OK,
  expand: () => OK,
  help: () => OK,
  unknown: () => OK,
  refused: nothing,
  close: nothing,
}

export const target: Target = {
  title: 'the wire of Postroad alone: accept and discard',
  async start({ port }) {
    const listener = createListener(
      { name: 'bench', hostname: 'mx.postroad.test', port, host: '127.0.0.1', backlog: 1024, limits: LIMITS },
      () => STAGES,
    )
    await listener.listen()
    return { close: () => listener.close(100) }
  },
}
