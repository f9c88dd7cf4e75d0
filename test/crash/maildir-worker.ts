/** Delivers into Maildirs while `record.c` writes down what the disk sees; a line in `promises.mark` stands where the delivery was confirmed. */
import { mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { maildirTransport } from '@postroad/delivery'
import { makeAddress } from '@postroad/mail'

const SIZES = [0, 300, 5_000, 70_000]
const USERS = ['one', 'two', 'three']

/** The octets of a message, told by its name. */
export function mailOf(name: string): Buffer {
  return Buffer.alloc(SIZES[Number(name) % SIZES.length] ?? 0, `message ${name}\r\n`)
}

async function work(folder: string, messages: number): Promise<void> {
  mkdirSync(folder)
  const transport = maildirTransport({ folder: join(folder, 'mail'), returnPath: false })
  const promises = openSync(join(folder, 'promises.mark'), 'a')
  let made = 0
  const one = async (): Promise<void> => {
    const name = String(made++)
    const octets = mailOf(name)
    const to = USERS.slice(0, 1 + (made % USERS.length))
    const outcomes = await transport.deliver({
      route: { via: 'maildir' },
      from: undefined,
      parameters: {},
      recipients: to.map((user) => ({ address: makeAddress(user, 'here.test'), parameters: {} })),
      message: {
        size: octets.length,
        async *raw() {
          yield octets
        },
      },
      signal: new AbortController().signal,
    })
    for (const { recipient, kind } of outcomes) writeSync(promises, `${kind} ${name}/${recipient.address.local}\n`)
  }
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (made < messages) await one()
    }),
  )
  process.exit(0)
}

const [, , folder, messages] = process.argv
if (folder !== undefined && messages !== undefined) await work(folder, Number(messages))
