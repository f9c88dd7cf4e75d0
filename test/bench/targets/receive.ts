/** Mail received in a program: `receive`, and a function that reads what programs read. */
import type { Message } from '@postroad/plugin'
import { receive } from '@postroad/receive'
import { LIMITS } from '../limits.ts'
import type { Target } from '../target.ts'

/** Those that the load is for. */
export const DOMAINS = ['*']

/** The same for both targets. */
export async function handle(mail: Pick<Message, 'subject' | 'from'> & { text(): Promise<string> }): Promise<void> {
  const read = `${mail.subject} ${mail.from[0]?.text} ${await mail.text()}`
  if (read.length === 0) throw new Error('nothing was read')
}

export const target: Target = {
  title: '`receive` of @postroad/receive, with the same function',
  start: ({ port, folder }) =>
    receive(
      {
        domains: DOMAINS,
        port,
        host: '127.0.0.1',
        folder,
        hostname: 'mx.postroad.test',
        authentication: false,
        log: { format: 'silent' },
        listen: { backlog: 1024, limits: LIMITS },
      },
      handle,
    ),
}
