/** A real Postfix for the tests of filters. */
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { certificate } from '../delivery/certificate.ts'
import { startPostfix } from '../delivery/postfix.ts'
import type { AskingServer } from './milter-obedience.ts'

/** A Postfix that asks. */
export interface AskingPostfix extends AskingServer, AsyncDisposable {
  readonly folder: string
}

/** Starts it, with these lines of main.cf and master.cf. */
export async function startAsking(main: string, master = ''): Promise<AskingPostfix> {
  const postfix = await startPostfix({
    certificate,
    domain: 'example.test',
    main: `${main}\nmilter_default_action = tempfail\nsmtpd_error_sleep_time = 0\n`,
    master,
  })
  const folder = dirname(postfix.log)
  return {
    folder,
    port: postfix.port,
    isPostfix: true,
    mailbox: (user) => postfix.mailbox(user),
    held: () =>
      readdirSync(join(folder, 'queue/hold'), { recursive: true })
        .map(String)
        .filter((name) => !/^.$/.test(name)),
    [Symbol.asyncDispose]: () => postfix[Symbol.asyncDispose](),
  }
}
