/** The test text of SpamAssassin, which is spam to everybody and harms nobody. In pieces, so that this file is none. */
export const GTUBE = ['XJS*C4JDBQADN1.NSBN3*2IDNEN', '*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X'].join('')

let count = 0

/** A message as people write them, with this text. */
export function ordinary(text: string, fields: Readonly<Record<string, string>> = {}): Buffer {
  const all = {
    From: 'Alice <alice@client.test>',
    To: 'Bob <rcpt@mx.test>',
    Subject: 'Monday',
    Date: new Date().toUTCString().replace('GMT', '+0000'),
    'Message-ID': `<${Date.now()}.${count++}@client.test>`,
    'MIME-Version': '1.0',
    'Content-Type': 'text/plain; charset=utf-8',
    ...fields,
  }
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${head.join('')}\r\nHello Bob,\r\n\r\n${text}\r\n\r\nAlice\r\n`)
}
