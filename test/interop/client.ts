/** The mail clients of the interoperability tests: programs and libraries that others wrote. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { programPath, systemPath } from '../runner/program.ts'

/** One message to send. */
export interface Mail {
  readonly port: number
  readonly from: string
  readonly to: readonly string[]
  /** The message with CRLF line ends. */
  readonly data: Buffer
}

/** What came of it, as the client tells it. */
export interface Sent {
  readonly isSent: boolean
  /** The client's own words; a refusal's reply is in there. */
  readonly said: string
}

/** A program or library that sends mail to 127.0.0.1. */
export interface Client {
  /** What it puts at the end of every message by itself. */
  readonly tail: string
  send(mail: Mail): Promise<Sent>
}

const LIMIT_MS = 60_000

/** Every client by name. */
export const CLIENTS: ReadonlyMap<string, Client> = new Map([
  ['swaks', { tail: '', send: withFile(makeSwaks) }],
  ['smtp-source', { tail: '\r\n', send: withFile(makeSmtpSource) }],
  ['msmtp', { tail: '', send: (mail) => run(makeMsmtp(mail), withNewlines(mail.data)) }],
  [
    'smtplib',
    { tail: '', send: (mail) => run(['python3', '-c', SMTPLIB, `${mail.port}`, mail.from, ...mail.to], mail.data) },
  ],
  ['nodemailer', { tail: '', send: sendWithNodemailer }],
])

function makeSwaks({ port, from, to }: Mail, file: string): string[] {
  const addresses = ['-f', from, '-t', to.join(',')]
  return [
    'swaks',
    '--server',
    '127.0.0.1',
    '--port',
    `${port}`,
    '--helo',
    'client.example',
    ...addresses,
    '--data',
    `@${file}`,
    '--timeout',
    '30s',
  ]
}

function makeSmtpSource({ port, from, to }: Mail, file: string): string[] {
  // It knows one recipient only.
  return ['smtp-source', '-M', 'client.example', '-f', from, '-t', to[0] ?? '', '-F', file, `127.0.0.1:${port}`]
}

function makeMsmtp({ port, from, to }: Mail): string[] {
  const plain = ['--tls=off', '--auth=off', '--set-from-header=off', '--set-date-header=off', '--set-msgid-header=off']
  return [
    'msmtp',
    '-C',
    '/dev/null',
    '--host=127.0.0.1',
    `--port=${port}`,
    '--domain=client.example',
    ...plain,
    '-f',
    from,
    '--',
    ...to,
  ]
}

const SMTPLIB = `
import smtplib, sys
port, sender, recipients = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
try:
    with smtplib.SMTP('127.0.0.1', port, local_hostname='client.example', timeout=30) as client:
        refused = client.sendmail(sender, recipients, sys.stdin.buffer.read())
        print(refused)
except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
    print(error)
    sys.exit(1)
`

/** A program that reads the message from a file with the line ends of this system. */
function withFile(makeArgv: (mail: Mail, file: string) => readonly string[]): Client['send'] {
  return async (mail) => {
    const folder = mkdtempSync(join(tmpdir(), 'pr-mail-'))
    const file = join(folder, 'message')
    try {
      // Both programs that are driven this way give the last line an end of their own.
      writeFileSync(file, withNewlines(mail.data.subarray(0, -2)))
      return await run(makeArgv(mail, file), '')
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
}

function withNewlines(data: Buffer): Buffer {
  return Buffer.from(data.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')
}

function run(argv: readonly string[], input: Buffer | string): Promise<Sent> {
  const [program = '', ...rest] = argv
  return new Promise((resolve, reject) => {
    const env = { ...process.env, PATH: systemPath() }
    const child = spawn(programPath(program), rest, { stdio: ['pipe', 'pipe', 'pipe'], env, timeout: LIMIT_MS })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.stdin.on('error', () => undefined) // it may leave before it has read everything; its exit code tells
    child.stdin.end(input)
    child.on('error', reject)
    child.on('close', (code) => resolve({ isSent: code === 0, said }))
  })
}

async function sendWithNodemailer({ port, from, to, data }: Mail): Promise<Sent> {
  const transport = createTransport({ host: '127.0.0.1', port, secure: false, ignoreTLS: true, name: 'client.example' })
  try {
    const { response } = await transport.sendMail({ envelope: { from, to: [...to] }, raw: data })
    return { isSent: true, said: response }
  } catch (error) {
    return { isSent: false, said: error instanceof Error ? error.message : String(error) }
  } finally {
    transport.close()
  }
}
