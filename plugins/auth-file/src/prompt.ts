/** A password from whoever runs a command: typed twice on a terminal, which does not show it; else a line of standard input. */
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'

/** Where it is read, and where it is asked for. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  /** Not standard output: that may be a file. */
  readonly output: NodeJS.WritableStream
}

/** Undefined: there is none, which `output` is told. */
export async function readPassword({ input, output }: Terminal): Promise<string | undefined> {
  const isTyped = input.isTTY === true
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  // As a terminal, keys are taken one by one, and what is shown goes to `nowhere`.
  const reader = createInterface({ input, ...(isTyped && { output: nowhere, terminal: true, historySize: 0 }) })
  reader.once('SIGINT', () => reader.close())
  const lines = reader[Symbol.asyncIterator]()
  const ask = async (question: string): Promise<string> => {
    if (isTyped) output.write(question)
    const { value, done } = await lines.next()
    if (isTyped) output.write('\n')
    return done ? '' : value
  }
  try {
    const password = await ask('Password: ')
    if (password === '') output.write('there is no password\n')
    else if (!isTyped || password === (await ask('Again: '))) return password
    else output.write('the passwords differ\n')
    return undefined
  } finally {
    reader.close()
  }
}
