/** Links of a digest: what may be done to which message, for whom, and until when, under a signature of ours. Nothing of it is a secret but the signature. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { TokenKey } from '@postroad/options'

/** What a link does. */
export type LinkAction = 'release' | 'delete'

/** What a link says. */
export interface DigestLink {
  readonly action: LinkAction
  /** Of the message. */
  readonly id: string
  /** For whom: a recipient of the message as the envelope has it. */
  readonly address: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

/** A link that was signed here. Whose it is shows only beside the message: the address itself does not stand in it. */
export interface OpenedLink extends Omit<DigestLink, 'address'> {
  isFor(address: string): boolean
  /** Names it in the store, and tells nothing. */
  readonly mark: string
}

const LETTERS: Readonly<Record<LinkAction, string>> = { release: 'r', delete: 'd' }
/** Characters of a link that is looked at. */
const MOST = 512
const FORM = /^([A-Za-z0-9]{1,16})~([rd])~([0-9a-z]{1,10})~([\w-]{16})~([A-Za-z0-9._-]{1,200})~([\w-]{43})$/

/** The last part of a link's path. */
export function signLink({ action, id, address, expires }: DigestLink, { name, secret }: TokenKey): string {
  const text = [name, LETTERS[action], Math.floor(expires / 1_000).toString(36), tagOf(address, secret), id].join('~')
  return `${text}~${markOf(text, secret).toString('base64url')}`
}

/** Undefined of what was not signed with one of the keys. An expired one is opened: whether it is still good is the caller's to say. */
export function openLink(text: string, keys: readonly TokenKey[]): OpenedLink | undefined {
  const [, name = '', letter, seconds = '', tag = '', id = '', given = ''] =
    (text.length <= MOST ? FORM.exec(text) : null) ?? []
  const key = keys.find((one) => one.name === name)
  // A name that is not known takes as long as one that is.
  const secret = key?.secret ?? Buffer.alloc(32)
  const real = markOf(text.slice(0, -(given.length + 1)), secret)
  const shown = Buffer.from(given, 'base64url')
  if (shown.length !== real.length || !timingSafeEqual(shown, real) || key === undefined) return undefined
  return {
    action: letter === 'r' ? 'release' : 'delete',
    id,
    expires: Number.parseInt(seconds, 36) * 1_000,
    isFor: (address) => tagOf(address, secret) === tag,
    mark: real.toString('base64url').slice(0, 22),
  }
}

/** A mark of ours in a digest's own header: one that comes into the quarantine itself is known by it. */
export function digestMark(messageId: string, owner: string, { name, secret }: TokenKey): string {
  return `${name}.${createHmac('sha256', secret).update(`digest\0${messageId}\0${owner}`).digest('base64url')}`
}

/** Whether the mark was made here for this message and recipient. */
export function isDigestMark(
  mark: string,
  { messageId, owner }: { readonly messageId: string; readonly owner: string },
  keys: readonly TokenKey[],
): boolean {
  const shown = Buffer.from(mark)
  return keys.some((key) => {
    const real = Buffer.from(digestMark(messageId, owner, key))
    return shown.length === real.length && timingSafeEqual(shown, real)
  })
}

function markOf(text: string, secret: Buffer): Buffer {
  return createHmac('sha256', secret).update(`link\0${text}`).digest()
}

function tagOf(address: string, secret: Buffer): string {
  return createHmac('sha256', secret).update(`address\0${address}`).digest('base64url').slice(0, 16)
}
