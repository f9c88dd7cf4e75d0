/** Dialogues made of a seed, and the differences that are meant. */

/** One line of a client; a message has its final dot. */
export interface Line {
  readonly text: string
  readonly content?: boolean
}

const HELOS = [
  'EHLO mail.example.net',
  'EHLO mail.example.net',
  'EHLO mail.example.net',
  'HELO mail.example.net',
  'EHLO 192.0.2.9',
  'EHLO nodot',
  'EHLO [192.0.2.9]',
]
const GOOD = 0.6
const FROMS = [
  'ann@example.net',
  'ann@example.net',
  'ann@example.net',
  'evil@example.net',
  'later@example.net',
  'never@example.net',
  'throws@example.net',
  '',
  'Ann.Bee@Example.NET',
]
const TOS = [
  'bob@example.com',
  'bob@example.com',
  'bob@example.com',
  'eve@example.org',
  'shut@example.com',
  'full@example.com',
  'gone@example.com',
  'twice@example.com',
  'x@elsewhere.example',
  'lost@example.com',
  'hangup@example.com',
  'Bob@EXAMPLE.com',
]
const SUBJECTS = ['hello', 'hello', 'hello', 'spam', 'soft', 'caf=?utf-8?q?=C3=A9?=']
const ASIDES = ['NOOP', 'VRFY bob', 'RSET', 'BOGUS x', 'HELP']

/** The same for the same seed. */
export function dialogueOf(seed: number, number: number): readonly Line[] {
  const random = generator(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T // never beyond its end
  // Most of it is in order, so that dialogues come to their end.
  const mostly = <T>(list: readonly T[]): T => (random() < GOOD ? (list[0] as T) : pick(list))
  const lines: Line[] = [{ text: mostly(HELOS) }]
  if (random() < 0.15) lines.push({ text: pick(ASIDES) })
  lines.push({ text: `MAIL FROM:<${mostly(FROMS)}>` })
  const recipients = 1 + Math.floor(random() * 3.2)
  for (let i = 0; i < recipients; i++) lines.push({ text: `RCPT TO:<${mostly(TOS)}>` })
  lines.push({ text: 'DATA' }, { text: message(random, mostly(SUBJECTS), number), content: true })
  lines.push({ text: 'QUIT' })
  return lines
}

function message(random: () => number, subject: string, number: number): string {
  const fields = [
    'From: Ann <ann@example.net>',
    'To: bob@example.com',
    ...(random() < 0.95 ? [`Date: ${new Date().toUTCString().replace('GMT', '+0000')}`] : []),
    ...(random() < 0.1 ? ['To: twice@example.com'] : []),
    `Subject: ${subject}`,
    `X-Dialogue: ${number}`,
    ...(random() < 0.3 ? ['X-Secret: a', 'x-secret: b'] : []),
    'X-Folded: one\r\n\ttwo',
  ]
  const isMixed = random() < 0.25
  const name = random() < 0.5 ? 'a.exe' : 'a.pdf'
  const body = isMixed
    ? [
        '--b',
        'Content-Type: text/plain',
        '',
        'hello',
        '--b',
        `Content-Type: application/octet-stream; name=${name}`,
        `Content-Disposition: attachment; filename=${name}`,
        '',
        'MZ',
        '--b--',
      ]
    : ['hello', '..a line with a dot', '']
  const all = [
    ...fields,
    ...(isMixed ? ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b'] : []),
    '',
    ...body,
    '.',
  ]
  return `${all.join('\r\n')}\r\n`
}

/** A difference that is meant. */
export const TWICE = 'a mailbox that is named twice is one recipient here, and two in Haraka'

/** Whether a recipient comes twice. */
export function namesTwice(lines: readonly Line[]): boolean {
  const names = lines.flatMap(({ text }) => (text.startsWith('RCPT') ? [text.toLowerCase()] : []))
  return new Set(names).size < names.length
}

/** Why a reply differs, where that is meant. */
export function explained(
  lines: readonly Line[],
  place: number,
  { haraka, postroad }: { readonly haraka: string; readonly postroad: string },
): string | undefined {
  const { text = '' } = lines[place] ?? {}
  const isNow = (code: string): boolean => postroad.startsWith(code)
  if (/<throws@/.test(text) && haraka.startsWith('250') && isNow('451'))
    return 'a plugin that throws: Haraka lets the mail pass, here it is deferred'
  if (/<lost@/.test(text) && haraka.startsWith('450') && isNow('451'))
    return 'a plugin that never calls next(): deferred by both, with another code'
  if (text.startsWith('DATA') && haraka.startsWith('554 Too many') && isNow('354') && namesTwice(lines)) return TWICE
  if (text.startsWith('HELP')) return 'HELP: 250 "Not implemented" in Haraka, 214 with text here (RFC 5321 §4.1.1.8)'
  if (text.startsWith('DATA') && /^(?:503|554)/.test(haraka) && /^(?:503|554)/.test(postroad))
    return 'DATA without a recipient: 503 in Haraka, 554 "no valid recipients" here (RFC 5321 §3.3)'
  return undefined
}

/** A small generator of numbers (mulberry32), so that a seed says it all. */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
