/** Addresses as programs write them. */
import { type Address, parseAddress } from '@postroad/mail'
import addressparser from 'nodemailer/lib/addressparser'
import { type Fault, pointerOf } from './refusal.ts'
import type { AddressInput } from './schema.ts'

/** A mailbox with its display name. */
export interface NamedMailbox {
  readonly name: string
  readonly address: Address
}

/** Words of letters and digits, and an address: what most have, and no grammar is needed for. */
const SIMPLE = /^([A-Za-z0-9]+(?: [A-Za-z0-9]+)*) <([A-Za-z0-9._+-]+@[A-Za-z0-9.-]+)>$/

/** `ann@example.com`, `Ann <ann@example.com>` or both apart; a sentence when it is no address. */
export function readMailbox(input: AddressInput): NamedMailbox | string {
  if (typeof input !== 'string') return mailbox(input.name ?? '', input.address)
  const plain = parse(input)
  if (plain) return { name: '', address: plain }
  const [, name, address] = SIMPLE.exec(input) ?? []
  if (name !== undefined && address !== undefined) return mailbox(name, address)
  const [first, ...more] = addressparser(input)
  if (!first || more.length > 0 || !first.address)
    return more.length > 0
      ? 'is more than one address: use a list'
      : `is no address: ${JSON.stringify(input.slice(0, 100))}`
  return mailbox(first.name, first.address)
}

/** Those of a field of a whole message; what is no address is left out. */
export function mailboxesOf(value: string): readonly Address[] {
  return addressparser(value, { flatten: true }).flatMap(({ address }) => {
    const found = address ? parse(address) : undefined
    return found ? [found] : []
  })
}

/** Reads several, and keeps what is wrong with them. */
export function readMailboxes(
  input: AddressInput | readonly AddressInput[] | undefined,
  path: readonly PropertyKey[],
  faults: Fault[],
): readonly NamedMailbox[] {
  if (input === undefined) return []
  const isList = Array.isArray(input)
  const list = isList ? (input as readonly AddressInput[]) : [input as AddressInput] // what is no list is one
  return list.flatMap((each, at) => {
    const read = readMailbox(each)
    if (typeof read !== 'string') return [read]
    const place = [...path, ...(isList ? [at] : []), ...(typeof each === 'string' ? [] : ['address'])]
    faults.push({ pointer: pointerOf(place), detail: read })
    return []
  })
}

function mailbox(name: string, text: string): NamedMailbox | string {
  const address = parse(text)
  return address ? { name, address } : `is no address: ${JSON.stringify(text.slice(0, 100))}`
}

/** A bare `postmaster` is nobody's address outside of its host. */
function parse(text: string): Address | undefined {
  const address = parseAddress(text, { smtputf8: true })
  return address && address.domain !== '' ? address : undefined
}
