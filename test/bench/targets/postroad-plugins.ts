/** Postroad with ten plugins that look at every stage and have nothing to say. */
import { definePlugin } from '@postroad/plugin'
import { discardAll, startPostroad } from '../postroad.ts'
import type { Target } from '../target.ts'

const COUNT = 10

/** Reads something at every stage, so that there is something to do and nothing can be left out. */
function onlooker(number: number) {
  const known = `stranger-${number}.example`
  return definePlugin({
    name: `onlooker-${number}`,
    hooks: {
      connect: ({ session }) => (session.remote.address === known ? { kind: 'accept' } : undefined),
      helo: ({ helo }) => (helo.name === known ? { kind: 'accept' } : undefined),
      mail: ({ envelope }) => (envelope.from?.domain === known ? { kind: 'accept' } : undefined),
      rcpt: ({ recipient }) => (recipient.domain === known ? { kind: 'accept' } : undefined),
      data: ({ envelope }) => (envelope.recipients.length > 1_000 ? { kind: 'accept' } : undefined),
      message: ({ message }) => (message.size === number ? { kind: 'accept' } : undefined),
    },
  })()
}

export const target: Target = {
  title: 'Postroad with ten trivial synchronous plugins: accept and discard',
  start: (place) =>
    startPostroad(place, [...Array.from({ length: COUNT }, (_, number) => onlooker(number)), discardAll()]),
}
