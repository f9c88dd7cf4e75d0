/** A running `postroad catch` on free ports, and mail for it. */
import { startCatch } from '@postroad/catch/command'
import nodemailer, { type SendMailOptions } from 'nodemailer'

type Settings = Parameters<typeof startCatch>[0]

/** It runs, and can be sent to and asked. */
export interface Stage extends AsyncDisposable {
  readonly smtp: number
  /** Of the page, with a slash at the end. */
  readonly url: string
  readonly running: Awaited<ReturnType<typeof startCatch>>
  /** Sends one over SMTP; resolves to the last reply. */
  send(mail: SendMailOptions): Promise<string>
  /** Asks the API. */
  ask(path: string, init?: RequestInit): Promise<Response>
}

/** Starts it. */
export async function stage(settings: Partial<Settings> = {}): Promise<Stage> {
  const running = await startCatch({
    smtp: { host: '127.0.0.1', port: 0 },
    http: { host: '127.0.0.1', port: 0 },
    like: 'lenient',
    bounds: { messages: 1_000, octets: 1e9 },
    folder: undefined,
    authentication: false,
    filters: undefined,
    tls: false,
    names: [],
    log: { format: 'silent' },
    ...settings,
  })
  const url = `http://127.0.0.1:${running.http}/`
  return {
    smtp: running.smtp,
    url,
    running,
    async send(mail) {
      const transport = nodemailer.createTransport({ host: '127.0.0.1', port: running.smtp, name: 'client.test' })
      const { response } = await transport.sendMail({
        from: '"Änn" <ann@sender.test>',
        to: 'bob@example.test',
        ...mail,
      })
      return response
    },
    ask: (path, init) => fetch(new URL(path, url), init),
    [Symbol.asyncDispose]: () => running.close(),
  }
}
