/** Handshakes at a UNIX socket, each on a connection of its own. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as secure } from 'node:tls'
import type { Driver, Load } from './load.ts'

/** Each message of the load is one handshake. */
export function openHandshakes(path: string): Driver {
  return {
    close: () => undefined,
    async send({ sessions, messages, limitMs }: Load) {
      const started = performance.now()
      let left = messages
      let done = 0
      const work = async (): Promise<void> => {
        while (left-- > 0 && performance.now() - started < limitMs) {
          const socket = secure({ socket: connect(path), rejectUnauthorized: false, servername: 'mx.example.com' })
          await once(socket, 'secureConnect')
          socket.destroy()
          done++
        }
      }
      await Promise.all(Array.from({ length: Math.min(sessions, messages) }, work))
      return { messages: done, ms: performance.now() - started, waits: [] }
    },
  }
}
