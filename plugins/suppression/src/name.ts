/** By which name the list knows an address: by itself, or by a mark from which nobody learns it. */
import { createHmac } from 'node:crypto'
import { parseAddress } from '@postroad/mail'
import type { TokenKeys } from '@postroad/options'

/** The name of an address; undefined: it is none. A mark stands for itself. Rejects when the keys cannot be read. */
export type NameOf = (text: string) => Promise<string | undefined>

/** 160 bits: too many to guess, and few enough for a line. */
const MARK = /^#[\w-]{27}$/

/** @param keys of a list of marks; the last one in the file, which stays when others are put before it */
export function addressNames(keys: TokenKeys | undefined): NameOf {
  if (!keys) return async (text) => fold(text)
  return async (text) => {
    if (MARK.test(text)) return text
    const folded = fold(text)
    const key = (await keys.all()).at(-1)
    if (folded === undefined || key === undefined) return undefined
    return `#${createHmac('sha256', key.secret).update(`suppression\0${folded}`).digest('base64url').slice(0, 27)}`
  }
}

/** Whether it is an address, or a mark where there are marks. */
export function isName(text: string, keys: TokenKeys | undefined): boolean {
  return fold(text) !== undefined || (keys !== undefined && MARK.test(text))
}

/** An address as it is looked up: most final hosts do not tell letters apart by case, and one that does suffers less from one entry too many. */
function fold(text: string): string | undefined {
  return parseAddress(text, { smtputf8: true })?.toString().normalize('NFC').toLowerCase()
}
