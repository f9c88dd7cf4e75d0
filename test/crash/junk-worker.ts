/** Learns message after message, and says so, until it is killed: a process of the crash tests. */
import { writeSync } from 'node:fs'
import { memoryLock } from '../../packages/testing/src/memory-store.ts'
import { fileJournal } from '../../plugins/junk/src/journal.ts'
import { Keeper } from '../../plugins/junk/src/keeper.ts'
import { mailOf } from '../../plugins/junk/src/mail-fixture.test.ts'
import { secretIn } from '../../plugins/junk/src/secret.ts'
import { Teacher } from '../../plugins/junk/src/teacher.ts'

const DAY = 86_400_000
const log = {
  debug() {},
  info() {},
  warn() {},
  error: (fields: object, text: string) => void process.stderr.write(`${text} ${JSON.stringify(fields)}\n`),
}

/** A filter in a folder. @param large octets from which on the journal begins another file */
export async function openJunk(folder: string, now: () => number, large?: number) {
  const secret = await secretIn(folder)
  const keeper = new Keeper({
    folder,
    journal: fileJournal(folder, large),
    options: { oneIn: 2_000, perDay: 200, minimum: { spam: 200, ham: 200, users: 3 } },
    keep: 180 * DAY,
    clock: { now },
    lock: memoryLock(),
    log,
  })
  const teacher = new Teacher({ keeper, secret, clock: { now }, hosts: [] })
  await keeper.load()
  return { teacher, close: () => keeper.close() }
}

const [, main, folder, from] = process.argv
if (main === import.meta.filename && folder !== undefined) {
  const { teacher } = await openJunk(folder, Date.now)
  for (let id = Number(from); ; id++) {
    await teacher.teach(Buffer.from(mailOf('spam', id)), { label: 'junk', source: 'command' })
    writeSync(1, `${id}\n`)
    if (id % 5 === 0) await teacher.keeper.save()
  }
}
