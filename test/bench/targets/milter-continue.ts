/** A milter that says *continue* to all that waits for a word, and is asked by the same steps as a Postroad that judges by envelope and content. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { ACTION, COMMAND, STEP, VERSION } from '@postroad/milter-protocol'
import type { Target } from '../target.ts'

/** As `wantsOf` derives them for `spf`, `dkim`, `dmarc` and `authResults`: MAIL is answered, because `spf` hooks it. */
const STEPS =
  STEP.quietConnect |
  STEP.quietHelo |
  STEP.noData |
  STEP.quietHeader |
  STEP.quietEndOfHeader |
  STEP.quietBody |
  STEP.noUnknown |
  STEP.leadingSpace
const CONTINUE = Buffer.from([0, 0, 0, 1, 0x63])
const OPTIONS = Buffer.alloc(17)
OPTIONS.writeUInt32BE(13, 0)
OPTIONS[4] = COMMAND.options
OPTIONS.writeUInt32BE(VERSION, 5)
OPTIONS.writeUInt32BE(ACTION.addHeaders | ACTION.changeHeaders, 9)
OPTIONS.writeUInt32BE(STEPS, 13)
const ANSWERED: ReadonlySet<number | undefined> = new Set([COMMAND.mail, COMMAND.rcpt, COMMAND.endOfMessage])

export const target: Target = {
  title: 'a milter that only says continue',
  async start({ socket: path }) {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
      serve(socket)
    })
    server.listen(path)
    await once(server, 'listening')
    return {
      async close() {
        for (const socket of sockets) socket.destroy()
        await once(server.close(), 'close')
      },
    }
  },
}

function serve(socket: Socket): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= 5 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const code = rest[4]
      rest = rest.subarray(4 + rest.readUInt32BE(0))
      if (code === COMMAND.options) socket.write(OPTIONS)
      else if (ANSWERED.has(code)) socket.write(CONTINUE)
    }
  })
}
