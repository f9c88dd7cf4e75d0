/** A password that is not an argument, which every user of the machine could read. */
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { UsageError } from '../config/usage-error.ts'

/**
 * From `POSTROAD_PASSWORD`, a terminal that does not show it, or the first line of standard input.
 *
 * @throws {UsageError} when there is none
 */
export async function readSecret(
  input: NodeJS.ReadStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<string> {
  const known = process.env['POSTROAD_PASSWORD']
  if (known !== undefined) return known
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  // As a terminal, keys are taken one by one, and what is shown goes to `nowhere`.
  const reader = createInterface({ input, ...(input.isTTY && { output: nowhere, terminal: true, historySize: 0 }) })
  reader.once('SIGINT', () => reader.close())
  try {
    if (input.isTTY) output.write('Password: ')
    const { value } = await reader[Symbol.asyncIterator]().next()
    if (input.isTTY) output.write('\n')
    if (!value) throw new UsageError('There is no password')
    return value
  } finally {
    reader.close()
  }
}
