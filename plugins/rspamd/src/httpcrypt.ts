/**
 * The encrypted HTTP of rspamd, which calls it HTTPCrypt: a whole request goes as the body of another one, and so does the answer. X25519 with
 * a key of our own for each question, XChaCha20, and Poly1305 over what was encrypted; docs.rspamd.com/developers/encryption.
 */
import {
  createCipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { poly1305 } from '@noble/ciphers/_poly1305.js'
import { hchacha } from '@noble/ciphers/chacha.js'

const KEY = 32
const NONCE = 24
const TAG = 16
/** Octets of the keystream that are not for the message: a block, whose first half is the key of Poly1305. */
const BLOCK = 64
/** Octets of a key's digest that say which key it is. */
const KEY_ID = 5
const MOST_HEAD = 65_536

/** What an X25519 key is wrapped in, RFC 8410 §4. */
const SPKI = Buffer.from('302a300506032b656e032100', 'hex')
/** Base32 of rspamd: these letters, and the lowest bits first. */
const LETTERS = 'ybndrfg8ejkmcpqxot1uwisza345h769'
const SIGMA = words(Buffer.from('expand 32-byte k'))

/** What was in an encrypted answer. */
export interface OpenedAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly octets: Buffer
}

/** Whether it is a public key as `rspamadm keypair` writes it. */
export function isPublicKey(text: string): boolean {
  return decode(text) !== undefined
}

/** One question and its answer, between a daemon of whom the public key is known and a key that nobody uses again. */
export class SealedExchange {
  /** Of the field `Key`: whose key was meant, and ours. */
  readonly key: string
  readonly #secret: Buffer

  /** @throws {TypeError} when it is no public key */
  constructor(publicKey: string) {
    const theirs = decode(publicKey)
    if (!theirs) throw new TypeError(`"${publicKey}" is no public key of rspamd`)
    const own = generateKeyPairSync('x25519')
    const id = createHash('blake2b512').update(theirs).digest().subarray(0, KEY_ID)
    this.key = `${encode(id)}=${encode(rawKey(own.publicKey))}`
    const peer = createPublicKey({ key: Buffer.concat([SPKI, theirs]), format: 'der', type: 'spki' })
    this.#secret = subkey(diffieHellman({ publicKey: peer, privateKey: own.privateKey }), Buffer.alloc(16))
  }

  /** @param head request line and fields, without the empty line */
  seal(head: string, body: Buffer): Buffer {
    const nonce = randomBytes(NONCE)
    const { cipher, tagKey } = this.#stream(nonce)
    const sealed = Buffer.concat([cipher.update(`${head}\r\n\r\n`, 'latin1'), cipher.update(body)])
    return Buffer.concat([nonce, poly1305(sealed, tagKey), sealed])
  }

  /** @throws {Error} when it was not written by who has the private key, or is no answer */
  open(octets: Buffer): OpenedAnswer {
    const nonce = octets.subarray(0, NONCE)
    const tag = octets.subarray(NONCE, NONCE + TAG)
    if (tag.length < TAG) throw new Error('the answer is not encrypted')
    const sealed = octets.subarray(NONCE + TAG)
    const { cipher, tagKey } = this.#stream(nonce)
    if (!timingSafeEqual(poly1305(sealed, tagKey), tag)) throw new Error('the answer is not encrypted with the key')
    return readAnswer(cipher.update(sealed))
  }

  #stream(nonce: Buffer) {
    const start = Buffer.concat([Buffer.alloc(8), nonce.subarray(16)])
    // OpenSSL takes the counter as the first octets of what it calls the IV.
    const cipher = createCipheriv('chacha20', subkey(this.#secret, nonce.subarray(0, 16)), start)
    return { cipher, tagKey: cipher.update(Buffer.alloc(BLOCK)).subarray(0, KEY) }
  }
}

function readAnswer(octets: Buffer): OpenedAnswer {
  const end = octets.subarray(0, MOST_HEAD).indexOf('\r\n\r\n')
  const [first = '', ...lines] = octets.toString('latin1', 0, Math.max(0, end)).split('\r\n')
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]
  if (status === undefined) throw new Error('what was encrypted is no answer of HTTP')
  const headers = Object.fromEntries(
    lines.map((line) => {
      const [name = '', ...value] = line.split(':')
      return [name.trim().toLowerCase(), value.join(':').trim()]
    }),
  )
  return { status: Number(status), headers, octets: octets.subarray(end + 4) }
}

/** HChaCha20: a key of 32 octets from another one and 16 octets. */
function subkey(key: Buffer, input: Buffer): Buffer {
  const out = new Uint32Array(8)
  hchacha(SIGMA, words(key), words(input), out)
  return Buffer.from(out.buffer)
}

/** Aligned, whatever buffer they are in. */
function words(octets: Buffer): Uint32Array {
  return new Uint32Array(Uint8Array.from(octets).buffer)
}

function rawKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI.length)
}

function encode(octets: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const octet of octets) {
    held |= octet << bits
    bits += 8
    for (; bits >= 5; bits -= 5, held >>= 5) text += LETTERS[held & 31]
  }
  return bits > 0 ? text + LETTERS[held & 31] : text
}

/** A key; undefined when it is none. */
function decode(text: string): Buffer | undefined {
  const octets: number[] = []
  let bits = 0
  let held = 0
  if (text.length !== Math.ceil((KEY * 8) / 5)) return undefined
  for (const letter of text.toLowerCase()) {
    const value = LETTERS.indexOf(letter)
    if (value < 0) return undefined
    held |= value << bits
    bits += 5
    if (bits >= 8) {
      octets.push(held & 0xff)
      bits -= 8
      held >>= 8
    }
  }
  return Buffer.from(octets)
}
