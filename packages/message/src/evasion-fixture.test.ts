/**
 * What the tests of evasions share: small messages whose dangerous part a mail client shows, and a reader that goes by the book may miss.
 * Has no tests of its own.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ambiguity } from '@postroad/mail'
import { messageFromBytes } from './message.ts'

/** One evasion. */
export interface Case {
  readonly name: string
  /** Octets, one character each; lines end in LF here, and in CRLF in the message. */
  readonly message: string
  /** What must be among the names of the attachments. */
  readonly names: readonly string[]
  /** What readers may disagree in; left out: nothing. */
  readonly ambiguous?: readonly Ambiguity[]
}

/** A small program in base64. */
export const EXE = 'TVqQAAMAAAA='
/** The header section of a message whose boundary is b. */
export const MIXED = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n'

/** A message with a text and this part. */
export function withPart(header: string, body = 'x'): string {
  return `${MIXED}--b\nContent-Type: text/plain\n\nhi\n--b\n${header}\n\n${body}\n--b--\n`
}

/** What is seen of it. */
export async function read(octets: string) {
  const mime = await messageFromBytes(Buffer.from(octets, 'latin1')).mime()
  return { names: mime.attachments.map(({ filename }) => filename), ambiguous: mime.ambiguous.toSorted() }
}

/** A test for each. */
export function testCases(cases: readonly Case[]): void {
  for (const { name, message, names, ambiguous = [] } of cases) {
    test(`${name}: its files are seen`, async () => {
      const found = await read(`Subject: a\n${message}`.replaceAll('\n', '\r\n'))
      for (const each of names)
        assert.ok(found.names.includes(each), `${each} is not among ${JSON.stringify(found.names)}`)
      assert.deepEqual(found.ambiguous, ambiguous.toSorted())
      // Bare LF is a line end to mail clients: what is seen does not depend on it.
      assert.deepEqual(await read(`Subject: a\n${message}`), found)
    })
  }
}
