/** Wanted mail that is odd: bounces, reports, calendar answers, tests of one word, empty parts, notices of machines. Written here, the same in each run. */
import { draw } from './figures.ts'

/** A made message. */
export interface Made {
  readonly kind: string
  readonly text: string
}

const FIRST = ['Anna', 'Bruno', 'Chidi', 'Dora', 'Emil', 'Fatima', 'Goran', 'Hana', 'Ivo', 'Jelena', 'Kofi', 'Lena']
const LAST = ['Ahlgren', 'Becker', 'Costa', 'Dubois', 'Eriksen', 'Fontana', 'Grant', 'Horvat', 'Ito', 'Jansen']
const HOSTS = [
  'example.com',
  'example.net',
  'mail.example.org',
  'mx1.example.edu',
  'smtp.example.info',
  'lists.example.org',
]
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri']
const MONTHS = ['Jan', 'Mar', 'May', 'Jun', 'Sep', 'Nov']

/** Chance with names, for one message. */
class Maker {
  readonly #random: () => number
  readonly number: number

  constructor(number: number) {
    this.number = number
    this.#random = draw(number + 77)
  }

  of<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!
  }

  digits(count: number): string {
    return Array.from({ length: count }, () => Math.floor(this.#random() * 10)).join('')
  }

  get host(): string {
    return this.of(HOSTS)
  }

  get name(): string {
    return `${this.of(FIRST)} ${this.of(LAST)}`
  }

  get date(): string {
    return `${this.of(DAYS)}, ${1 + (this.number % 28)} ${this.of(MONTHS)} 2024 ${8 + (this.number % 10)}:${10 + (this.number % 50)}:07 +0${this.number % 3}00`
  }

  address(local?: string): string {
    return `${local ?? this.of(FIRST).toLowerCase()}@${this.host}`
  }

  head(from: string, subject: string, more: readonly string[] = []): string {
    const { host } = this
    return [
      `Received: from ${host} (${host} [192.0.2.${this.number % 250}])`,
      `\tby mx.example.test (Postfix) with ESMTPS id ${this.digits(10)}; ${this.date}`,
      `From: ${from}`,
      `To: ${this.address('alice')}`,
      `Subject: ${subject}`,
      `Date: ${this.date}`,
      `Message-ID: <${this.digits(14)}.${this.number}@${host}>`,
      ...more,
      '',
      '',
    ].join('\n')
  }

  /** A message of several parts. */
  parts(from: string, subject: string, type: string, parts: readonly string[]): string {
    const boundary = `b${this.digits(12)}`
    const head = this.head(from, subject, ['MIME-Version: 1.0', `Content-Type: ${type}; boundary="${boundary}"`])
    return `${head}${parts.map((part) => `--${boundary}\n${part}\n`).join('')}--${boundary}--\n`
  }
}

const STATUS = [
  ['5.1.1', 'User unknown in virtual mailbox table'],
  ['5.2.2', 'The email account that you tried to reach is over quota'],
  ['5.7.1', 'Message rejected because of its content'],
  ['4.4.1', 'Connection timed out'],
  ['5.4.4', 'Host or domain name not found'],
  ['5.3.4', 'Message size exceeds fixed limit'],
] as const

function bounce(m: Maker): string {
  const [status, why] = m.of(STATUS)
  const to = m.address()
  const style = m.of([
    `This is the mail system at host ${m.host}.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients. It's attached below.\n\n<${to}>: host ${m.host}[192.0.2.9] said: ${why}`,
    `This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  ${to}\n    ${why}`,
    `** Address not found **\n\nYour message wasn't delivered to ${to} because ${why}.`,
    `Delivery has failed to these recipients or groups:\n\n${to}\n${why}.\nDiagnostic information for administrators: Generating server: ${m.host}`,
  ])
  const delivery = `Content-Type: message/delivery-status\n\nReporting-MTA: dns; ${m.host}\n\nFinal-Recipient: rfc822; ${to}\nAction: failed\nStatus: ${status}\nDiagnostic-Code: smtp; 550 ${status} ${why}\n`
  const original = `Content-Type: text/rfc822-headers\n\nFrom: alice@example.test\nTo: ${to}\nSubject: ${m.of(['Minutes', 'Invoice 4711', 'Re: your free offer', 'Holiday'])}\n`
  return m.parts(
    `Mail Delivery System <MAILER-DAEMON@${m.host}>`,
    m.of([
      'Undelivered Mail Returned to Sender',
      'Mail delivery failed: returning message to sender',
      'Delivery Status Notification (Failure)',
      `Undeliverable: ${m.of(FIRST)}`,
    ]),
    'multipart/report; report-type=delivery-status',
    [`Content-Type: text/plain; charset=us-ascii\n\n${style}\n`, delivery, original],
  )
}

/** Bounces as old servers write them: nothing but their text says what they are. */
function plainBounce(m: Maker): string {
  const to = m.address()
  const body = m.of([
    `Hi. This is the qmail-send program at ${m.host}.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<${to}>:\n${m.of(STATUS)[1]}\n\n--- Below this line is a copy of the message.\n\nSubject: ${m.of(['Minutes', 'Invoice', 'photos'])}\n`,
    `Your message\n\n  To:      ${to}\n  Subject: ${m.of(['Report', 'Question', 'contract'])}\n  Sent:    ${m.date}\n\ndid not reach the following recipient(s):\n\n${to} on ${m.date}\n    The recipient name is not recognized\n`,
    `   ----- The following addresses had permanent fatal errors -----\n<${to}>\n    (reason: 550 ${m.of(STATUS)[1]})\n\n   ----- Transcript of session follows -----\n... while talking to ${m.host}.:\n>>> RCPT To:<${to}>\n<<< 550 ${m.of(STATUS)[1]}\n`,
  ])
  return `${m.head(`<no-reply@${m.host}>`, m.of(['failure notice', 'Returned mail: see transcript for details', 'Undeliverable message']))}${body}`
}

function report(m: Maker): string {
  const zip = 'UEsDBBQAAAAIAGtVb1k'.repeat(3)
  return m.of([
    () =>
      m.parts(
        `noreply-dmarc-support@${m.host}`,
        `Report domain: example.test Submitter: ${m.host} Report-ID: ${m.digits(18)}`,
        'multipart/mixed',
        [
          `Content-Type: text/plain\n\nThis is an aggregate report from ${m.host}.\n`,
          `Content-Type: application/gzip; name="${m.host}!example.test!${m.digits(10)}!${m.digits(10)}.xml.gz"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment\n\n${zip}\n`,
        ],
      ),
    () =>
      m.head(`dmarc@${m.host}`, `Report Domain: example.test; Report-ID: ${m.digits(9)}`, [
        'MIME-Version: 1.0',
        `Content-Type: application/zip; name="r${m.digits(5)}.zip"`,
        'Content-Transfer-Encoding: base64',
      ]) + zip,
    () =>
      m.parts(
        `tlsrpt@${m.host}`,
        `Report Domain: example.test Submitter: ${m.host}`,
        'multipart/report; report-type=tlsrpt',
        [
          'Content-Type: text/plain\n\nThis is an aggregate TLS report.\n',
          `Content-Type: application/tlsrpt+gzip\nContent-Transfer-Encoding: base64\n\n${zip}\n`,
        ],
      ),
    () =>
      m.parts(`complaints@${m.host}`, 'FW: Earn money', 'multipart/report; report-type=feedback-report', [
        'Content-Type: text/plain\n\nThis is an email abuse report for an email message received from IP 192.0.2.1\n',
        `Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: Loop/1.0\nVersion: 1\n`,
        'Content-Type: message/rfc822\n\nFrom: shop@example.test\nSubject: Earn money\n\nBuy our prizes\n',
      ]),
    () =>
      m.parts(
        m.address(),
        `Read: ${m.of(['Minutes', 'Offer', 'Lunch'])}`,
        'multipart/report; report-type=disposition-notification',
        [
          `Content-Type: text/plain\n\nThe message sent on ${m.date} to ${m.address()} was displayed. This is no guarantee that it has been read or understood.\n`,
          `Content-Type: message/disposition-notification\n\nReporting-UA: ${m.host}; Mail\nFinal-Recipient: rfc822;${m.address()}\nDisposition: manual-action/MDN-sent-manually; displayed\n`,
        ],
      ),
  ])()
}

function calendar(m: Maker): string {
  const method = m.of(['REQUEST', 'REPLY', 'CANCEL'])
  const what = m.of(['Planning', 'Standup', 'Zahnarzt', 'Réunion budget', 'Dinner', 'Sprint review', '1:1'])
  const event = `BEGIN:VCALENDAR\nMETHOD:${method}\nPRODID:-//Example//Calendar//EN\nVERSION:2.0\nBEGIN:VEVENT\nUID:${m.digits(20)}@${m.host}\nDTSTART:202406${10 + (m.number % 18)}T090000Z\nSUMMARY:${what}\nORGANIZER:mailto:${m.address()}\nATTENDEE;PARTSTAT=${m.of(['ACCEPTED', 'DECLINED', 'TENTATIVE'])}:mailto:${m.address()}\nEND:VEVENT\nEND:VCALENDAR\n`
  const subject = `${{ REQUEST: m.of(['Invitation', 'Einladung', 'Updated invitation']), REPLY: m.of(['Accepted', 'Declined', 'Zugesagt', 'Tentative']), CANCEL: 'Cancelled event' }[method]}: ${what}`
  const part = `Content-Type: text/calendar; charset=utf-8; method=${method}\n\n${event}`
  return m.of([
    () =>
      `${m.head(`${m.name} <${m.address()}>`, subject, ['MIME-Version: 1.0', `Content-Type: text/calendar; charset=utf-8; method=${method}`])}${event}`,
    () =>
      m.parts(`${m.name} <${m.address()}>`, subject, 'multipart/alternative', [
        `Content-Type: text/plain; charset=utf-8\n\n${m.of([what, '', 'Join with the link in the calendar.'])}\n`,
        part,
      ]),
    () =>
      m.parts(m.address('calendar-notification'), subject, 'multipart/mixed', [
        `Content-Type: text/html; charset=utf-8\n\n<html><body><table><tr><td><b>${what}</b><br>${m.date}</td></tr></table></body></html>\n`,
        part,
      ]),
  ])()
}

function shortTest(m: Maker): string {
  const word = m.of([
    'test',
    'Test',
    'TEST',
    'ping',
    'ok',
    'hello',
    'testing 1 2 3',
    'Test mail, please ignore',
    'is this thing on?',
    'asdf',
    '.',
    'x',
    'Hi',
    'thanks!',
    'sounds good',
    'on my way',
    '👍',
    'ja',
    'テスト',
    'проверка',
    'see attached',
    'FYI',
  ])
  return m.of([
    () => `${m.head(m.address(), m.of([word, '', 'test', '(no subject)']))}${word}\n`,
    () => `From: ${m.address('root')}\nTo: ${m.address()}\nSubject: ${word}\n\n${word}\n`,
    () =>
      `${m.head(`${m.name} <${m.address()}>`, word, ['MIME-Version: 1.0', 'Content-Type: text/html; charset=utf-8'])}<div>${word}</div>\n`,
    () => `Subject: ${word}\n\n`,
  ])()
}

function empty(m: Maker): string {
  return m.of([
    () => m.head(`${m.name} <${m.address()}>`, m.of(['', 'scan', 'IMG_2041.jpg', 'Document'])),
    () =>
      m.parts(m.address(), m.of(['', 'photo', 'Fwd:']), 'multipart/mixed', [
        'Content-Type: text/plain\n\n',
        `Content-Type: image/jpeg; name="IMG_${m.digits(4)}.jpg"\nContent-Transfer-Encoding: base64\n\n/9j/4AAQSkZJRgABAQ\n`,
      ]),
    () =>
      m.parts(m.address(), 'Scanned from a Xerox', 'multipart/mixed', [
        `Content-Type: application/pdf; name="scan${m.digits(3)}.pdf"\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n`,
      ]),
    () =>
      m.parts(m.address(), '', 'multipart/alternative', [
        'Content-Type: text/plain\n\n',
        'Content-Type: text/html\n\n<html><body></body></html>\n',
      ]),
    () =>
      m.parts(m.address(), 'Fwd: forwarded message', 'multipart/mixed', [
        `Content-Type: message/rfc822\n\nFrom: ${m.address()}\nSubject: inner\nMIME-Version: 1.0\nContent-Type: text/plain\n\n\n`,
      ]),
    () => `${m.head(m.address(), 'x', ['Content-Type: multipart/mixed; boundary="gone"'])}--other\n\nnothing fits\n`,
  ])()
}

function away(m: Maker): string {
  const until = `${m.of(DAYS)} ${1 + (m.number % 28)} ${m.of(MONTHS)}`
  const [subject, body] = m.of([
    [
      'Out of office',
      `I am out of the office until ${until} with no access to mail. In urgent cases write to ${m.address()}.`,
    ],
    ['Automatische Antwort: Frage', `Vielen Dank für Ihre Nachricht. Ich bin bis ${until} nicht im Haus.`],
    ['Réponse automatique', `Je suis absent jusqu'au ${until}. Merci de contacter ${m.address()}.`],
    ['Auto: your ticket', `We have received your request [#${m.digits(6)}] and will answer within two days.`],
  ])
  return `${m.head(`${m.name} <${m.address()}>`, subject!, m.of([['Auto-Submitted: auto-replied'], ['X-Auto-Response-Suppress: All', 'Auto-Submitted: auto-replied'], []]))}${body}\n`
}

function notice(m: Maker): string {
  const [from, subject, body] = m.of([
    [
      'root',
      'Cron <root@db1> /usr/local/bin/backup',
      `tar: Removing leading / from member names\nbackup of ${m.digits(6)} files done in ${m.digits(3)} s\n`,
    ],
    [
      'nagios',
      `** PROBLEM Service Alert: web${m.number % 9}/HTTP is CRITICAL **`,
      `Notification Type: PROBLEM\nService: HTTP\nHost: web${m.number % 9}\nState: CRITICAL\nAdditional Info: connect to port 443: Connection refused\n`,
    ],
    [
      'builds',
      `[main] build ${m.digits(4)} failed`,
      `Step "test" failed after 4 min 12 s.\nSee https://ci.${m.host}/builds/${m.digits(4)}\n`,
    ],
    [
      'no-reply',
      'Reset your password',
      `Hello ${m.of(FIRST)},\n\nsomebody asked to reset the password of your account. If it was you, open\nhttps://www.${m.host}/reset/${m.digits(16)}\nwithin one hour. Otherwise do nothing.\n`,
    ],
    [
      'security',
      `${m.digits(6)} is your code`,
      `Your verification code is ${m.digits(6)}. It expires in 10 minutes. Do not share it with anyone.\n`,
    ],
    [
      'orders',
      `Your order ${m.digits(8)} has been shipped`,
      `Dear ${m.name},\n\nyour parcel is on its way. Follow it at https://track.${m.host}/${m.digits(12)}\n\n1 x Kettle, 1.7 l   EUR 34.90\nShipping            EUR  4.90\n`,
    ],
    [
      'billing',
      `Invoice ${m.digits(6)}`,
      `Dear customer,\n\nyour invoice of this month is attached. The amount of EUR ${m.digits(2)}.50 will be debited in the next days.\n`,
    ],
    [
      'list-owner',
      'confirm subscription',
      `Mailing list subscription confirmation notice for mailing list users\n\nWe have received a request for subscription of your address. Reply to this message, keeping the Subject: header intact.\n`,
    ],
    [
      'svn',
      `r${m.digits(5)} - trunk/src`,
      `Author: ${m.of(FIRST).toLowerCase()}\nNew Revision: ${m.digits(5)}\n\nLog:\n* fix build on systems without stdint.h\n\nModified:\n   trunk/src/main.c\n`,
    ],
    [
      'library',
      'Fällige Medien',
      `Guten Tag ${m.name},\n\nfolgende Medien werden in drei Tagen fällig:\n- Der Zauberberg\n\nIhre Stadtbibliothek\n`,
    ],
  ])
  return `${m.head(`<${from}@${m.host}>`, subject!)}${body}`
}

const KINDS = [
  ['bounce', bounce, 60],
  ['plain bounce', plainBounce, 30],
  ['report', report, 60],
  ['calendar', calendar, 60],
  ['short test', shortTest, 90],
  ['empty', empty, 60],
  ['away', away, 40],
  ['notice', notice, 100],
] as const

/** 500 messages that nobody wants to lose. */
export function oddMessages(): readonly Made[] {
  return KINDS.flatMap(([kind, make, count], index) =>
    Array.from({ length: count }, (_, i) => ({ kind, text: make(new Maker(1000 * index + i)) })),
  )
}
