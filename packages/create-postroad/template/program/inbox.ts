/** Takes mail for a domain, and calls a function with each message. */
import { type ReceivedMail, type ReceiveOptions, type Receiver, receive, reject } from '@postroad/receive'

/** Where it is kept: put your database here. 250 is said when this has ended. */
export type Keep = (mail: {
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
}) => Promise<void>

/** Starts it; `options` go before what stands here. */
export function start(keep: Keep, options: Partial<ReceiveOptions> = {}): Promise<Receiver> {
  return receive(
    { domains: ['example.test'], host: '127.0.0.1', port: 2525, ...options },
    async (mail: ReceivedMail) => {
      if (mail.authentication.dmarc?.result === 'fail') return reject('Forged')
      await keep({ to: mail.recipients.map(String), subject: mail.subject ?? '', text: await mail.text() })
      return undefined
    },
  )
}
